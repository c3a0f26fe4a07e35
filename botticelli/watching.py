"""What happens in a run, as a stream of events read from Postgres: complete from any moment, whoever was listening."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from botticelli.carousel.outcome import result_of
from botticelli.errors import NotFound
from botticelli.runtime import Runtime
from botticelli.store import ActRow, Iteration, Run, Transaction


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `data` is plain JSON values but for Decimal."""

    event: str
    run_id: str
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"event": self.event, "run_id": self.run_id, **self.data}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a run found: what is new, its row (None: no worker has accepted it yet), and how many of its
    iterations are being performed at this moment."""

    events: list[Event]
    run: Run | None = None
    performing: int = 0

    @property
    def at_rest(self) -> bool:
        """Over, or paused with nothing left to wait for."""
        return self.run is not None and (self.run.is_final or (self.run.status == "paused" and self.performing == 0))


def watch(runtime: Runtime, run_id: str, *, poll_seconds: float) -> Iterator[Event]:
    """`run_started`, then an `iteration_finished` for each, `run_waiting` and `run_paused` as they come, and last
    `run_finished` with the result. A run that no worker has accepted yet is waited for."""
    watcher = Watcher(run_id)
    while True:
        with runtime.store.transaction() as tx:
            look = watcher.look(tx)
        yield from look.events
        if look.run is not None and look.run.is_final:
            return
        time.sleep(poll_seconds)


class Watcher:
    """Where one watcher has got to. For those who want to decide themselves when to look and when to stop."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._started = False
        self._last: tuple[datetime | None, int] = (None, 0)
        self._parked: tuple[str, str | None] | None = None

    def look(self, tx: Transaction) -> Look:
        """What has happened since the last look. The row is read first: what it has counted is there to be read."""
        try:
            run = tx.runs.get(self._run_id)
        except NotFound:
            return Look([])
        events = [] if self._started else [self._started_event(run)]
        self._started = True
        finished = tx.iterations.finished_since(run.id, *self._last)
        while finished:
            events += self._iterations(tx, finished)
            self._last = (finished[-1].finished_at, finished[-1].number)
            finished = tx.iterations.finished_since(run.id, *self._last)
        events += self._parking(run)
        if run.is_final:
            events.append(Event("run_finished", run.id, finished_data(run)))
        return Look(events, run, tx.iterations.performing(run.id))

    def _started_event(self, run: Run) -> Event:
        return Event("run_started", run.id, {"narrative": run.narrative, "iterations": run.iterations})

    def _iterations(self, tx: Transaction, finished: list[Iteration]) -> Iterator[Event]:
        for iteration in finished:
            acts = tx.acts.of_iteration(iteration.run_id, iteration.number)
            yield Event("iteration_finished", iteration.run_id, _iteration_data(iteration, acts))

    def _parking(self, run: Run) -> Iterator[Event]:
        """Said once for each reason, not at every look."""
        parked = (run.status, run.reason) if run.status in ("waiting", "paused") else None
        if parked is not None and parked != self._parked:
            due_seconds = (run.due_at - run.now).total_seconds() if run.due_at else None
            data = {"reason": run.reason, "retry_after_seconds": None if due_seconds is None else max(0.0, due_seconds)}
            yield Event(f"run_{run.status}", run.id, data)
        self._parked = parked


def finished_data(run: Run) -> dict[str, Any]:
    """The result's fields, with the cost as a plain number."""
    result = asdict(result_of(run))
    result.pop("run_id")
    return result | {"cost_usd": None if run.cost_usd is None else float(run.cost_usd)}


def _iteration_data(iteration: Iteration, acts: list[ActRow]) -> dict[str, Any]:
    spoken = [act for act in acts if act.output is not None]
    return {
        "number": iteration.number,
        "status": iteration.status,
        "error": iteration.error,
        "acts": len(acts),
        "input_tokens": sum(act.input_tokens for act in acts),
        "output_tokens": sum(act.output_tokens for act in acts),
        "output": spoken[-1].output if spoken else None,
    }
