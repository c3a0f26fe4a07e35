"""Watches a run as a sequence of events, in order and with ids to resume from. Changes nothing.

Most events are derived from rows of Postgres, so none is missed; a few come from the Redis stream of the run only.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.carousel.result import result_of
from botticelli.errors import NotFound
from botticelli.pricing import TOKEN_FIELDS
from botticelli.runtime.process import Runtime
from botticelli.store import REJECTED, REPAIRING, ActRow, Effect, Iteration, Run, RunAction, Transaction
from botticelli.telemetry.log import Event, EventLog

__all__ = ["Event", "RunUpdate", "Watcher", "result_data", "watch"]
STREAM_ONLY_EVENTS = ("act_started", "call_waiting", "call_failed", "answer_misfit", "worker_lost", "run_waiting")
"""Events that only the stream has; all others are derived from rows."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """The result of reading a run once.

    `events` are new since the last read. `run` is its row, None while no worker has accepted it. `performing` counts
    the iterations that are running now.
    """

    events: list[Event]
    run: Run | None = None
    performing: int = 0

    @property
    def at_rest(self) -> bool:
        """Whether the run has ended, or is paused with no iteration running."""
        return self.run is not None and (self.run.is_final or (self.run.status == "paused" and self.performing == 0))


def watch(runtime: Runtime, run_id: str, *, poll_seconds: float, since: int = 0) -> Iterator[Event]:
    """Yield the events of a run until it ends, from its start or after the event with the id `since`.

    The first is `run_started`, the last `run_finished` with the result; between them come iterations, acts, effects,
    control actions, waits and live text. Waits for a run that no worker has accepted yet; raises RedisError when Redis,
    where its request would be, is away. Reads the run every `poll_seconds`.
    """
    watcher = Watcher(run_id, runtime.events, since)
    with runtime.events.listening(run_id) as ear:
        while True:
            with runtime.store.transaction() as tx:
                look = watcher.look(tx)
            yield from look.events
            if look.run is None:
                runtime.redis.ping()
            elif look.run.is_final:
                return
            yield from ear.wait(poll_seconds)


class Watcher:
    """Reads the new events of a run, for callers that decide when to read and when to stop.

    A copy of it continues from the same position.
    """

    def __init__(
        self, run_id: str, log: EventLog | None = None, since: int = 0, *, after: datetime | None = None
    ) -> None:
        """Watch a run from its start, or after the event `since`; iterations that ended before `after` are not read."""
        self._run_id = run_id
        self._log = log
        self._since = since
        self._started = False
        self._ended = False
        self._last: tuple[datetime | None, int] = (after, 0)
        self._last_id = 0
        self._last_action = 0
        self._stream_position = "0"
        self._parked: tuple[str, str | None] | None = None
        self._seen: dict[int, frozenset[Any]] = {}
        """The keys of the events that were yielded, by unfinished iteration."""

    @property
    def stream_position(self) -> str:
        """Up to where the Redis stream of the run was read."""
        return self._stream_position

    def continue_for_all(self) -> Watcher:
        """Return a watcher that continues from here, for those who came after any event."""
        watcher = copy.copy(self)
        watcher._since = 0
        return watcher

    def look(self, tx: Transaction) -> RunUpdate:
        """Return what is new since the last read.

        The run's row is read first, so that whatever it has counted can be read after it.
        """
        try:
            run = tx.runs.get(self._run_id)
        except NotFound:
            return RunUpdate([])
        events = [] if self._started else [_started(run)]
        self._started = True
        streamed = self._streamed()
        actions = tx.run_actions.of_run(run.id, self._last_action)
        self._last_action = actions[-1].id if actions else self._last_action
        new = [*streamed, *(_control_event(action) for action in actions), *self._finished_iterations(tx)]
        running = tx.iterations.running(run.id)
        new += self._running_iterations(tx, running)
        events += sorted(new, key=lambda event: event.at or run.now)
        events += self._parking(run)
        has_ended, self._ended = self._ended, run.is_final
        if run.is_final and not has_ended:
            events.append(Event("run_finished", run.id, result_data(run), at=run.finished_at))
        return RunUpdate(list(self._numbered(events, run)), run, len(running))

    def _numbered(self, events: Iterable[Event], run: Run) -> Iterator[Event]:
        """Give the events increasing ids, and drop those up to `since`."""
        for event in events:
            at = event.at or run.now
            self._last_id = max((at - EPOCH) // MICROSECOND, self._last_id + 1)
            if self._last_id > self._since:
                yield replace(event, id=self._last_id, at=at)

    def _streamed(self) -> list[Event]:
        """Return the new events that only the stream has."""
        events: list[Event] = []
        while self._log is not None and (page := self._log.read(self._run_id, self._stream_position)):
            self._stream_position = page[-1][0]
            only_here = (event for _, event in page if event.event in STREAM_ONLY_EVENTS)
            events += [event for event in only_here if not self._is_repeated(event)]
        return events

    def _is_repeated(self, event: Event) -> bool:
        """Whether this is the same wait again: the dispatcher repeats it at each attempt, watchers see it once per reason."""
        if event.event != "run_waiting":
            return False
        before, self._parked = self._parked, ("waiting", event.data["reason"])
        return before == self._parked

    def _finished_iterations(self, tx: Transaction) -> Iterator[Event]:
        """Yield the remaining events of each iteration that has ended since the last read, and its end."""
        while finished := tx.iterations.finished_since(self._run_id, *self._last):
            self._last = (finished[-1].finished_at, finished[-1].number)
            numbers = [iteration.number for iteration in finished]
            acts, effects = self._acts_and_effects(tx, numbers)
            for iteration in finished:
                own_acts = acts.get(iteration.number, [])
                yield from self._within(iteration, own_acts, effects.get(iteration.number, []))
                data = _iteration_data(iteration, own_acts)
                yield Event("iteration_finished", iteration.run_id, data, at=iteration.finished_at)
            self._seen = {number: seen for number, seen in self._seen.items() if number not in numbers}

    def _running_iterations(self, tx: Transaction, running: list[Iteration]) -> Iterator[Event]:
        if running:
            acts, effects = self._acts_and_effects(tx, [iteration.number for iteration in running])
            for iteration in running:
                yield from self._within(iteration, acts.get(iteration.number, []), effects.get(iteration.number, []))

    def _acts_and_effects(
        self, tx: Transaction, numbers: list[int]
    ) -> tuple[dict[int, list[ActRow]], dict[int, list[Effect]]]:
        acts: dict[int, list[ActRow]] = {}
        effects: dict[int, list[Effect]] = {}
        for act in tx.acts.of_numbers(self._run_id, numbers, rejected=True):
            acts.setdefault(act.number, []).append(act)
        for effect in tx.effects.of_numbers(self._run_id, numbers):
            effects.setdefault(effect.number, []).append(effect)
        return acts, effects

    def _within(self, iteration: Iteration, acts: list[ActRow], effects: list[Effect]) -> Iterator[Event]:
        """Yield the start of each attempt of an iteration, its acts and its effects, each once."""
        run_id, number = iteration.run_id, iteration.number
        seen = self._seen.get(number, frozenset())
        events: dict[Any, Event] = {}
        if iteration.started_at is not None:
            data = {"number": number, "attempt": iteration.attempt, "worker": iteration.worker}
            events["attempt", iteration.attempt] = Event("iteration_started", run_id, data, at=iteration.started_at)
        for act in (act for act in acts if act.status != REPAIRING):
            key = ("act", act.position, act.turn, act.attempt, act.status, act.tries)
            name = "answer_rejected" if act.status == REJECTED else "act_finished"
            events[key] = Event(name, run_id, _act_data(act), at=act.finished_at)
        for effect in effects:
            if effect.finished_at is not None:
                event = Event("effect_finished", run_id, _effect_data(effect), at=effect.finished_at)
                events["effect", effect.key, effect.status] = event
        yield from (event for key, event in events.items() if key not in seen)
        self._seen = {**self._seen, number: seen | events.keys()}

    def _parking(self, run: Run) -> Iterator[Event]:
        """Yield that the run waits or is paused, once per reason."""
        parked = (run.status, run.reason) if run.status in ("waiting", "paused") else None
        if parked is not None and parked != self._parked:
            due_seconds = (run.due_at - run.now).total_seconds() if run.due_at else None
            data = {"reason": run.reason, "retry_after_seconds": None if due_seconds is None else max(0.0, due_seconds)}
            yield Event(f"run_{run.status}", run.id, data)
        self._parked = parked


def result_data(run: Run) -> dict[str, Any]:
    """Return the fields of the result but for `run_id`, with the cost as a float."""
    result = asdict(result_of(run))
    result.pop("run_id")
    return result | {"cost_usd": None if run.cost_usd is None else float(run.cost_usd)}


def _started(run: Run) -> Event:
    return Event("run_started", run.id, {"narrative": run.narrative, "iterations": run.iterations}, at=run.created_at)


def _control_event(action: RunAction) -> Event:
    data = {"action": action.action, "by": action.actor, "reason": action.reason}
    return Event("run_action", action.run_id, data, at=action.at)


def _act_data(act: ActRow) -> dict[str, Any]:
    names = (
        "position",
        "turn",
        "attempt",
        "status",
        "verdict",
        "model",
        *TOKEN_FIELDS,
        "tries",
        "warning",
        "error",
        "output",
    )
    seconds = (act.finished_at - act.started_at).total_seconds() if act.finished_at and act.started_at else None
    cost_usd = None if act.cost_usd is None else float(act.cost_usd)
    fields = {name: getattr(act, name) for name in names}
    return {"number": act.number, "act": act.name, **fields, "cost_usd": cost_usd, "seconds": seconds}


def _effect_data(effect: Effect) -> dict[str, Any]:
    return {name: getattr(effect, name) for name in ("number", "act", "platform", "command", "status", "error")}


def _iteration_data(iteration: Iteration, acts: list[ActRow]) -> dict[str, Any]:
    accepted = [act for act in acts if act.status != REJECTED]
    outputs = [act.output for act in accepted if act.output is not None]
    return {
        "number": iteration.number,
        "status": iteration.status,
        "error": iteration.error,
        "acts": len(accepted),
        "input_tokens": sum(act.input_tokens for act in acts),
        "output_tokens": sum(act.output_tokens for act in acts),
        "output": outputs[-1] if outputs else None,
    }
