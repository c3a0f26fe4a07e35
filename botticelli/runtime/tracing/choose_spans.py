"""Decides whether this process traces: by the variables of OpenTelemetry, or by `[traces]`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec

from botticelli.errors import SettingsError
from botticelli.runtime.tracing.spans import NO_SPANS, Spans
from botticelli.settings import Settings

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"


def choose_spans(settings: Settings, environ: Mapping[str, str] = os.environ) -> Spans:
    """Return spans that are sent if a receiver is named. SettingsError when they can't be."""
    source = _source(settings, environ)
    if source is None:
        return NO_SPANS
    variable = next((name for name in PROTOCOLS if environ.get(name)), None)
    if variable is not None and environ[variable] != HTTP:
        raise SettingsError(
            f"traces are sent as {HTTP} only", where=variable, do=f"set it to {HTTP}, and name that port (usually 4318)"
        )
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            "traces need OpenTelemetry, which is not installed", where=source, do="pip install 'botticelli[otel]'"
        )
    from botticelli.runtime.tracing.otel_spans import OtelSpans

    return OtelSpans(settings.traces.endpoint, keeps_messages=settings.traces.messages)


def _source(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Return what names the receiver; None where traces are off."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    if settings.traces.endpoint:
        return settings.where("traces", "endpoint")
    return next((name for name in ENDPOINTS if environ.get(name)), None)
