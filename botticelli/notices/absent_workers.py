"""Notices that no worker is alive while runs are due. Somebody else has to look: `notify watch`, or the next worker."""

from __future__ import annotations

from botticelli.runtime.process import Runtime
from botticelli.settings.sections.notify import WORKER_NONE
from botticelli.store import Absence

ABSENT_SECONDS = 60.0


def record_absence(runtime: Runtime, absent_seconds: float = ABSENT_SECONDS) -> Absence | None:
    """Write a notice when runs are due and no worker has swept for `absent_seconds`; return what is newly noticed.

    The sweep of the workers is dated by Postgres, so this needs no Redis. One absence is one notice.
    """
    with runtime.store.transaction() as tx:
        absence = tx.duties.absence(absent_seconds)
        if absence is None:
            return None
        data = {
            "last_seen_at": absence.last_seen_at.isoformat() if absence.last_seen_at else None,
            "due_since": absence.due_since.isoformat(),
            "due_runs": absence.due_runs,
        }
        is_new = tx.notices.emit(WORKER_NONE, data, key=str(absence.last_seen_at or absence.due_since))
    return absence if is_new else None
