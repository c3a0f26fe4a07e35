"""Encodes the place in a list at which the next page begins, opaque to those who send it back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from botticelli.http.wire.problem_answers import Problem, entry
from botticelli.untrusted.storable import storable
from botticelli.untrusted.utc_times import in_utc


def encoded(values: Sequence[Any]) -> str:
    """Return a cursor for the values of an item that order its list."""
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def decoded(cursor: str, *kinds: type) -> list[Any]:
    """Return the values of a cursor, of these kinds. Raises Problem for a text that is none."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return [_value(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        problem = entry("is not a cursor of this list", key="query.cursor", hint="send `next` of the page before")
        raise Problem(422, "", "cursor: is not a cursor of this list", problems=[problem]) from None


def _value(value: Any, kind: type) -> Any:
    if kind is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return in_utc(moment)
    if type(value) is not kind or (isinstance(value, int) and abs(value) >= 2**63):
        raise ValueError
    if kind is str and storable(value) != value:
        raise ValueError
    return value
