"""Posts to a URL without ever reaching a private network that was not allowed, and without following a redirect."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botticelli.errors import FetchError
from botticelli.security.safe_fetch import RequestLimits, Resolver, checked_address, checked_request, fault_of_url
from botticelli.settings.definitions import FetchSettings

MAX_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """The status of an answer, its headers by lower-case name, and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    allow_private: bool = False,
    resolve: Resolver | None = None,
    trust: Any = None,
) -> PostAnswer:
    """Post a body and return the answer, whatever its status; raise FetchError when there is none.

    `allow_private`: the host may have a private address, and may be reached without TLS.
    """
    host = (urlsplit(url).hostname or "").lower()
    rules = FetchSettings(
        allow_http=allow_private, allow_hosts=(host,) if allow_private else (), timeout_seconds=timeout_seconds
    )
    fault = fault_of_url(url, rules)
    if fault is not None:
        raise FetchError(fault, do="set allow_private = true if the receiver is in your own network")
    limits = RequestLimits(
        timeout_seconds,
        time.monotonic() + timeout_seconds,
        lambda name, port: checked_address(name, port, allow_private=allow_private, resolve=resolve),
    )
    fields = {"Content-Length": str(len(body)), "Accept-Encoding": "identity", **headers}
    with checked_request("POST", url, limits, headers=fields, content=body, trust=trust) as response:
        names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return PostAnswer(response.status, names, _beginning(response))


def _beginning(response: Any) -> bytes:
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) >= MAX_ANSWER_BYTES:
            break
    return bytes(data[:MAX_ANSWER_BYTES])
