"""Defines `[traces]`: where spans are sent, and whether they carry prompts and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from botticelli.settings.section import Section
from botticelli.settings.urls import checked_url


def _receiver(url: str) -> str:
    return checked_url(url, ("http", "https"), login=False).text


class TracesSettings(Section):
    endpoint: Annotated[str, AfterValidator(_receiver)] | None = None
    """Base URL of an OTLP receiver over HTTP; unset: that of OTEL_EXPORTER_OTLP_ENDPOINT, and without it no traces."""
    messages: bool = False
    """Whether spans of model calls carry prompts and answers."""
