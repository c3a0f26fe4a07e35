"""Reads one answer of Discord within bounds of size and time, as JSON or nothing. Doesn't judge the status."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from botticelli.untrusted.bounded_body import Unreadable, strict_json, unpacked

MAX_BYTES = 16 * 1024 * 1024
"""Discord's largest answers (a thousand members) have about 1 MB."""
NO_CONTENT = (204, 205)


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds an answer. `body` is JSON; None without content, and for a refusal that isn't JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


def read_answer(response: httpx2.Response, *, whole_by: float) -> Answer:
    """Read the whole answer before `whole_by` (monotonic clock).

    Raises Unreadable for a success whose body is neither a JSON object nor a list.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    says_done = response.status_code < 300 and response.status_code not in NO_CONTENT
    try:
        raw = b"".join(
            _in_time(unpacked(response.iter_raw(), headers.get("content-encoding", ""), MAX_BYTES), whole_by)
        )
        body = strict_json(raw) if raw else None
    except Unreadable:
        if says_done:
            raise
        return Answer(response.status_code, headers, None)
    if says_done and not isinstance(body, dict | list):
        raise Unreadable("is empty" if body is None else "is not a JSON object or list")
    return Answer(response.status_code, headers, body)


def _in_time(pieces: Iterator[bytes], whole_by: float) -> Iterator[bytes]:
    for piece in pieces:
        if time.monotonic() > whole_by:
            raise Unreadable("was not complete in time")
        yield piece
