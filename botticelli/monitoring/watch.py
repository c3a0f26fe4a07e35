"""Watches what happens in a run, in order and with ids to come back to.

What happens in a run, in order and with ids to come back to: the rows of Postgres, which are complete from any moment
and whoever listened, and between them what only the stream of events tells. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.carousel.result import result_of
from botticelli.errors import NotFound
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Iteration, Moved, Run, Transaction
from botticelli.telemetry.events import Event, EventLog

__all__ = ["Event", "Look", "Watcher", "finished_data", "watch"]
TOLD = ("act_started", "call_waiting", "call_failed", "worker_lost", "run_waiting")
"""What only the stream knows; everything else in it is in the rows as well, and is taken from there."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Look:
    """The result of one look at a run.

    What one look at a run found: what is new, its row (None: no worker has accepted it yet), and how many of its
    iterations are being performed at this moment.
    """

    events: list[Event]
    run: Run | None = None
    performing: int = 0

    @property
    def at_rest(self) -> bool:
        """Over, or paused with nothing left to wait for."""
        return self.run is not None and (self.run.is_final or (self.run.status == "paused" and self.performing == 0))


def watch(runtime: Runtime, run_id: str, *, poll_seconds: float, since: int = 0) -> Iterator[Event]:
    """Watch a run to its end, from its start or after the event `since`.

    From the start of the run, or after the event `since`, to its end: `run_started`, what iterations and acts do,
    levers, effects, waits, live text, and last `run_finished` with the result. A run that no worker has accepted yet is
    waited for.
    """
    watcher = Watcher(run_id, runtime.events, since)
    with runtime.events.listening(run_id) as ear:
        while True:
            with runtime.store.transaction() as tx:
                look = watcher.look(tx)
            yield from look.events
            if look.run is not None and look.run.is_final:
                return
            yield from ear.wait(poll_seconds)


class Watcher:
    """The position of one watcher.

    For those who want to decide themselves when to look and when to stop. A copy goes on from the same place.
    """

    def __init__(self, run_id: str, log: EventLog | None = None, since: int = 0) -> None:
        self._run_id = run_id
        self._log = log
        self._since = since
        self._started = False
        self._ended = False
        self._last: tuple[datetime | None, int] = (None, 0)
        self._last_id = 0
        self._lever = 0
        self._place = "0"
        self._parked: tuple[str, str | None] | None = None
        self._seen: dict[int, frozenset[Any]] = {}
        """Of each iteration that isn't finished: what was said of it."""

    def look(self, tx: Transaction) -> Look:
        """What has happened since the last look. The row is read first: what it has counted is there to be read."""
        try:
            run = tx.runs.get(self._run_id)
        except NotFound:
            return Look([])
        events = [] if self._started else [_started(run)]
        self._started = True
        told = self._told()
        moved = tx.levers.of_run(run.id, self._lever)
        self._lever = moved[-1].id if moved else self._lever
        happened = [*told, *(_moved(one) for one in moved), *self._finished(tx)]
        running = tx.iterations.running(run.id)
        happened += self._of_open(tx, running)
        events += sorted(happened, key=lambda event: event.at or run.now)
        events += self._parking(run)
        if run.is_final and not self._ended:
            self._ended = True
            events.append(Event("run_finished", run.id, finished_data(run), at=run.finished_at))
        return Look(list(self._numbered(events, run)), run, len(running))

    def _numbered(self, events: Iterable[Event], run: Run) -> Iterator[Event]:
        """With ids that grow; those up to `since` have been seen before."""
        for event in events:
            at = event.at or run.now
            self._last_id = max((at - EPOCH) // MICROSECOND, self._last_id + 1)
            if self._last_id > self._since:
                yield replace(event, id=self._last_id, at=at)

    def _told(self) -> list[Event]:
        found: list[Event] = []
        while self._log is not None and (page := self._log.read(self._run_id, self._place)):
            self._place = page[-1][0]
            found += [event for _, event in page if event.event in TOLD and not self._is_repeated(event)]
        return found

    def _is_repeated(self, event: Event) -> bool:
        """A wait is said once for each reason, not at every look of the dispatcher."""
        if event.event != "run_waiting":
            return False
        before, self._parked = self._parked, ("waiting", event.data["reason"])
        return before == self._parked

    def _finished(self, tx: Transaction) -> Iterator[Event]:
        """Of each iteration that has ended since: what was not said yet, and its end."""
        while finished := tx.iterations.finished_since(self._run_id, *self._last):
            self._last = (finished[-1].finished_at, finished[-1].number)
            acts, effects = self._details(tx, [one.number for one in finished])
            for one in finished:
                yield from self._inside(one, acts.get(one.number, []), effects.get(one.number, []))
                data = _iteration_data(one, acts.get(one.number, []))
                yield Event("iteration_finished", one.run_id, data, at=one.finished_at)
            gone = {one.number for one in finished}
            self._seen = {number: seen for number, seen in self._seen.items() if number not in gone}

    def _of_open(self, tx: Transaction, running: list[Iteration]) -> Iterator[Event]:
        if running:
            acts, effects = self._details(tx, [one.number for one in running])
            for one in running:
                yield from self._inside(one, acts.get(one.number, []), effects.get(one.number, []))

    def _details(
        self, tx: Transaction, numbers: list[int]
    ) -> tuple[dict[int, list[ActRow]], dict[int, list[dict[str, Any]]]]:
        acts: dict[int, list[ActRow]] = {}
        effects: dict[int, list[dict[str, Any]]] = {}
        for act in tx.acts.of_numbers(self._run_id, numbers):
            acts.setdefault(act.number, []).append(act)
        for effect in tx.effects.of_numbers(self._run_id, numbers):
            effects.setdefault(effect["number"], []).append(effect)
        return acts, effects

    def _inside(self, one: Iteration, acts: list[ActRow], effects: list[dict[str, Any]]) -> Iterator[Event]:
        """The beginning of an attempt, its acts and its effects, each once."""
        before = self._seen.get(one.number, frozenset())
        said: dict[Any, Event] = {}
        if one.started_at is not None:
            data = {"number": one.number, "attempt": one.attempt, "worker": one.worker}
            said["attempt", one.attempt] = Event("iteration_started", one.run_id, data, at=one.started_at)
        for act in acts:
            key = ("act", act.position, act.turn, act.status, act.tries)
            said[key] = Event("act_finished", one.run_id, _act_data(act), at=act.finished_at)
        for effect in effects:
            if effect["finished_at"] is not None:
                said["effect", effect["key"], effect["status"]] = Event(
                    "effect_finished", one.run_id, _effect_data(effect), at=effect["finished_at"]
                )
        yield from (event for key, event in said.items() if key not in before)
        self._seen = {**self._seen, one.number: before | said.keys()}

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


def _started(run: Run) -> Event:
    return Event("run_started", run.id, {"narrative": run.narrative, "iterations": run.iterations}, at=run.created_at)


def _moved(one: Moved) -> Event:
    return Event(
        "lever_moved", one.run_id, {"lever": one.lever, "by": one.moved_by, "reason": one.reason}, at=one.moved_at
    )


def _act_data(act: ActRow) -> dict[str, Any]:
    names = (
        "position",
        "turn",
        "status",
        "model",
        "input_tokens",
        "output_tokens",
        "tries",
        "error",
        "output",
    )
    seconds = (act.finished_at - act.started_at).total_seconds() if act.finished_at and act.started_at else None
    cost_usd = None if act.cost_usd is None else float(act.cost_usd)
    told = {name: getattr(act, name) for name in names}
    return {"number": act.number, "act": act.name, **told, "cost_usd": cost_usd, "seconds": seconds}


def _effect_data(effect: dict[str, Any]) -> dict[str, Any]:
    return {name: effect[name] for name in ("number", "act", "platform", "command", "status", "error")}


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
