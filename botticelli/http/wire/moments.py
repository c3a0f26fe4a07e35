"""Reads the times of requests: RFC 3339 as text, a date alone is its midnight, and UTC is what has no zone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from botticelli.untrusted.utc_times import in_utc

FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}.*)?")
LONGEST = 40


def _read(value: Any) -> datetime:
    """Return the time of a text. ValueError for another one, and for a number: a unix time has no unit."""
    try:
        if not isinstance(value, str) or len(value) > LONGEST or not FORM.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a time as in RFC 3339, such as 2026-01-31T18:00:00Z") from None
    return in_utc(moment)


Moment = Annotated[datetime, BeforeValidator(_read)]
"""A time of a request."""
