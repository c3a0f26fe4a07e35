"""Defines `[http]`: where `botticelli serve` listens, and how many requests it handles at once."""

from __future__ import annotations

from pydantic import Field

from botticelli.settings.section import Section


class HttpSettings(Section):
    """The HTTP door, `botticelli serve`."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. Until a token exists, the door listens on this machine only, whatever stands here."""
    port: int = Field(default=8080, ge=0, le=65535)
    request_threads: int = Field(default=16, ge=1, le=200)
    """Requests that are handled at once; further ones wait. Each may need a connection to Postgres."""
    max_streams: int = Field(default=1000, ge=1)
    """Streams of events that may be open at once; the next one is refused with 503."""
    open_metrics: bool = False
    """Whether /metrics needs no token, for a Prometheus in a network that only it can reach."""
