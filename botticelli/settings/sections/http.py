"""Defines `[http]`: where `botticelli serve` listens, and how many requests it handles at once."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from botticelli.settings.section import Section


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is not an IP address or network, such as 10.0.0.0/8") from None
    return text


class HttpSettings(Section):
    """The HTTP door, `botticelli serve`."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. Until a token exists, the door listens on this machine only, whatever stands here."""
    port: int = Field(default=8080, ge=0, le=65535)
    request_threads: int = Field(default=16, ge=1, le=200)
    """Requests that are handled at once; further ones wait. Each may need a connection to Postgres."""
    max_streams: int = Field(default=1000, ge=1)
    """Streams of events that may be open at once; the next one is refused with 503."""
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Addresses or networks of proxies whose X-Forwarded-Proto and X-Forwarded-For are believed: behind HTTPS the session's
    cookie is sent over HTTPS only."""
    open_metrics: bool = False
    """Whether /metrics needs no token, for a Prometheus in a network that only it can reach."""
