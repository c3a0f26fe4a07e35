"""Receives spans over OTLP and HTTP, as a collector does, and decodes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.servers.receiver import Received, receiver


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it arrived; `parent` is empty for a root."""

    name: str
    trace_id: str
    id: str
    parent: str
    error: str | None
    attributes: dict[str, Any]


@dataclass
class OtlpReceiver:
    url: str
    requests: list[Received] = field(default_factory=list)

    @property
    def spans(self) -> list[ReceivedSpan]:
        return [span for request in self.requests for span in _decode(request.body)]

    @property
    def bodies(self) -> bytes:
        return b"".join(request.body for request in self.requests)


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    with receiver() as received:
        received.status = 200
        yield OtlpReceiver(received.url.removesuffix("/hook"), received.requests)


def _decode(body: bytes) -> Iterator[ReceivedSpan]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {each.key: _value(each.value) for each in span.attributes}
                error = span.status.message if span.status.code == 2 else None
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                yield ReceivedSpan(span.name, *ids, error, attributes)


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
