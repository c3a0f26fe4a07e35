"""Describes which runs to list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from botticelli.statuses import RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Conditions that a run must all meet to be listed; without any, every run does.

    `since` (included) and `until` (excluded) bound the time of creation, as aware datetimes. `guild` is the id of a guild
    that its commands name, `tag` one of its tags. `text` is a part of the narrative's name, the source or the reason,
    in any case. At most `limit` runs are listed, the newest ones.

        RunFilter(statuses=["failed"], tag="nightly", limit=100)
    """

    statuses: Sequence[RunStatus] = ()
    narrative: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    guild: str | None = None
    tag: str | None = None
    text: str | None = None
    before: tuple[datetime, str] | None = None
    """Only runs that are listed after this one: its time of creation and its id."""
    limit: int = 20
