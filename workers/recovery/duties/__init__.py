"""Holds the duties of the sweep: small pieces of work that are due again and again, one file each.

To add a duty:

1. Write `duties/NAME.py` with a class that satisfies `duty.Duty`: it is built with the runtime, and has a `name`, an
   `interval_seconds` and `run()`. A duty with an interval longer than the sweep's has a row in the table `duties`, by
   which one worker of the fleet takes it once in each interval; it is taken before it runs, so one that fails is tried
   again after its interval. EACH_SWEEP is the interval of those that run in every sweep.
2. Name the class in FLEET_DUTIES below, if one worker shall do it for all; in WORKER_DUTIES, if each worker shall do its
   own part in each pass.
3. Keep `run()` short: at most a batch of rows, no wait without a timeout, since heartbeats and the other duties wait for
   it. It may be run by two workers at once, or be cut off anywhere, so it locks rows, or finds them changed.
4. Let errors out: the sweep logs each with the duty's name and goes on with the next duty. An absent Postgres or Redis is
   reported once, until it is back; everything else is logged with its traceback. Errors of other servers (an HTTP call)
   are the duty's own to handle.
5. Test it alone in `tests/integration/carousel/recovery`: build it with the fixture `runtime`, call `run()`.
"""

from __future__ import annotations

from collections.abc import Callable

from botticelli.runtime.process import Runtime
from workers.recovery.duties.due_runs import DueRuns
from workers.recovery.duties.due_schedules import DueSchedules
from workers.recovery.duties.duty import Duty
from workers.recovery.duties.expired_data import ExpiredData
from workers.recovery.duties.expired_leases import ExpiredLeases
from workers.recovery.duties.interrupted_claims import InterruptedClaims
from workers.recovery.duties.notices import Notices
from workers.recovery.duties.probe_publication import ProbePublication
from workers.recovery.duties.threshold_notices import ThresholdNotices
from workers.recovery.duties.unacked_requests import UnackedRequests
from workers.recovery.duties.unclaimed_tasks import UnclaimedTasks
from workers.recovery.run_spans import RunSpans

FLEET_DUTIES: tuple[Callable[[Runtime], Duty], ...] = (
    ExpiredLeases,
    DueSchedules,
    UnclaimedTasks,
    ExpiredData,
    UnackedRequests,
    ProbePublication,
)
"""Duties that one elected worker performs for the whole fleet, in this order."""
WORKER_DUTIES: tuple[Callable[[Runtime], Duty], ...] = (InterruptedClaims, DueRuns, ThresholdNotices, Notices, RunSpans)
"""Duties that each worker performs in each pass, before those of the fleet."""
