"""When a process traces: only where a receiver is named, and never in silence where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from botticelli.errors import SettingsError
from botticelli.runtime.tracing import choose_spans as module
from botticelli.runtime.tracing.choose_spans import choose_spans
from botticelli.runtime.tracing.spans import NO_SPANS, SpanKey
from botticelli.settings import Settings, load_settings

RECEIVER = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, environ={"BOTTICELLI_HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.mark.parametrize(
    "environ", [{}, RECEIVER | {"OTEL_SDK_DISABLED": "true"}, RECEIVER | {"OTEL_TRACES_EXPORTER": "none"}]
)
def test_without_a_receiver_nothing_is_traced(settings: Settings, environ: dict[str, str]) -> None:
    assert choose_spans(settings, environ) is NO_SPANS


def test_receiver_without_the_extra_is_an_error_that_names_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: .*; pip install 'botticelli\[otel\]'$"):
        choose_spans(settings, RECEIVER)


def test_receiver_of_another_protocol_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent as http/protobuf only"):
        choose_spans(settings, RECEIVER | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_trace_id_is_the_run_id_and_span_ids_differ() -> None:
    run = SpanKey("0b7a9c1e-52c4-4f0e-9a51-3d6f0c8f2a11")
    assert f"{run.trace_id:032x}" == "0b7a9c1e52c44f0e9a513d6f0c8f2a11"
    keys = [run, *(SpanKey(run.run_id, number, attempt) for number in (1, 2) for attempt in (1, 2))]
    assert len({key.span_id for key in keys}) == 5
    assert 0 < SpanKey("not a uuid").trace_id < 2**128
