"""Reads the filters of the list of runs from an address, and writes them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from botticelli.errors import InvalidInput
from botticelli.statuses import RUN_STATUSES, RunStatus
from botticelli.store import Run, RunFilter
from botticelli.untrusted.utc_times import in_utc

PAGE = 50
MAX_BULK = 1000
ACTIONS = ("pause", "resume", "cancel", "retry")
DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "retry": "retried"}


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The filters of the page, as texts."""

    statuses: tuple[RunStatus, ...] = ()
    narrative: str = ""
    tag: str = ""
    text: str = ""
    before: datetime | None = None

    def filter(self, limit: int = PAGE) -> RunFilter:
        return RunFilter(
            statuses=self.statuses,
            narrative=self.narrative or None,
            tag=self.tag or None,
            text=self.text or None,
            until=self.before,
            limit=limit,
        )

    def address(self, **changes: str) -> str:
        """Return the query of an address; only filters that are set."""
        pairs = [("status", status) for status in self.statuses]
        pairs += [(name, getattr(self, name)) for name in ("narrative", "tag", "text") if getattr(self, name)]
        return urlencode(pairs + [(name, value) for name, value in changes.items() if value])

    @property
    def is_set(self) -> bool:
        return bool(self.statuses or self.narrative or self.tag or self.text)


def read_query(statuses: Sequence[str], values: Mapping[str, str]) -> RunQuery:
    """Read the filters. Raises InvalidInput for a status or a time that is none."""
    chosen: list[RunStatus] = []
    for text in statuses:
        status = next((status for status in RUN_STATUSES if status == text), None)
        if text and status is None:
            raise InvalidInput(f"{text!r} is not the status of a run", do=f"statuses: {', '.join(RUN_STATUSES)}")
        chosen += [status] if status else []
    fields = {name: values.get(name, "").strip() for name in ("narrative", "tag", "text")}
    if any("\0" in value for value in fields.values()):
        raise InvalidInput("a filter contains a NUL character", do="leave it out")
    return RunQuery(tuple(chosen), **fields, before=_moment(values.get("before", "")))


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        in_utc(moment)
    except ValueError:
        raise InvalidInput("before is not a time", do="write 2030-01-31T18:00:00+00:00") from None
    if moment.tzinfo is None:
        raise InvalidInput("before has no time zone", do="write 2030-01-31T18:00:00+00:00")
    return in_utc(moment)


def can(action: str, run: Run) -> bool:
    """Whether an action would change a run."""
    match action:
        case "pause":
            return not run.is_final and run.ending is None and run.status != "paused"
        case "resume":
            return run.status == "paused" or (run.is_final and run.status != "completed" and run.iterations > 0)
        case "cancel":
            return not run.is_final and run.ending is None
        case "retry":
            return run.failed > 0 and run.status != "cancelled" and run.ending is None
        case _:
            return False
