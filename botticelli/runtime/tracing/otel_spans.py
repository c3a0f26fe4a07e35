"""Sends spans to an OpenTelemetry receiver, by the variables OTEL_* and `[traces]`. Needs the extra `otel`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from botticelli.runtime.tracing.spans import Attributes, Kind, OpenSpan, SpanKey, Spans

CLOSE_SECONDS = 5.0
KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER}


class OtelSpan(OpenSpan):
    """A span of the SDK."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def set(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            if value is not None:
                self.span.set_attribute(name, value)

    def fail(self, error: str, kind: str) -> None:
        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR, error))

    def end(self) -> None:
        self.span.end()


class KeyedIds(IdGenerator):
    """Gives spans with a key their own ids, and all others random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._next = threading.local()

    @contextmanager
    def keyed(self, key: SpanKey | None) -> Iterator[None]:
        """Give the next span of this thread the ids of the key."""
        self._next.key = key
        try:
            yield
        finally:
            self._next.key = None

    def generate_span_id(self) -> int:
        key: SpanKey | None = getattr(self._next, "key", None)
        return key.span_id if key else self._random.generate_span_id()

    def generate_trace_id(self) -> int:
        key: SpanKey | None = getattr(self._next, "key", None)
        return key.trace_id if key else self._random.generate_trace_id()


class OtelSpans(Spans):
    """Begins spans of the SDK, and sends them in batches by a thread of its own."""

    is_on = True

    def __init__(self, endpoint: str | None, *, keeps_messages: bool = False) -> None:
        self.keeps_messages = keeps_messages
        self._ids = KeyedIds()
        self._provider = TracerProvider(resource=_resource(), id_generator=self._ids, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
        self._processor = BatchSpanProcessor(exporter)
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("botticelli")

    def begin(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        key: SpanKey | None = None,
        parent: SpanKey | None = None,
        attributes: Attributes | None = None,
    ) -> OtelSpan:
        context = self._within(parent) if parent else None
        with self._ids.keyed(key):
            span = OtelSpan(self._tracer.start_span(name, context, KINDS[kind]))
        span.set(attributes or {})
        return span

    @contextmanager
    def current(self, span: OpenSpan) -> Iterator[None]:
        assert isinstance(span, OtelSpan), "it was begun here"
        with trace.use_span(span.span, record_exception=False, set_status_on_exception=False):
            yield

    def record(
        self,
        name: str,
        key: SpanKey,
        times: tuple[datetime, datetime],
        attributes: Attributes,
        error: str | None = None,
    ) -> None:
        context = self._within(key.run) if key.number else Context()
        with self._ids.keyed(key):
            span = OtelSpan(self._tracer.start_span(name, context, start_time=_nanoseconds(times[0])))
        span.set(attributes)
        if error is not None:
            span.fail(error, "failed")
        span.span.end(_nanoseconds(times[1]))

    def flush(self) -> None:
        self._processor.force_flush()

    def close(self) -> None:
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _within(self, key: SpanKey) -> Context:
        """Return the context of a span that another process reports; it is sampled as that process would decide."""
        decision = self._provider.sampler.should_sample(None, key.trace_id, "").decision
        flags = TraceFlags(TraceFlags.SAMPLED if decision == Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT)
        span = NonRecordingSpan(SpanContext(key.trace_id, key.span_id, is_remote=True, trace_flags=flags))
        return trace.set_span_in_context(span, Context())


def _resource() -> Resource:
    """Return what describes this process; the variables of OpenTelemetry win."""
    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if is_named else {"service.name": "botticelli"})


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000
