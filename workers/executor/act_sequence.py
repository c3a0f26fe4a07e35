"""Runs the acts of an iteration in order, or in parallel where they don't depend on each other.

One thread decides; parallel acts have threads of their own. An act that has begun is finished and recorded, whatever
happens beside it; no act begins after a failure. Only a time limit of Celery interrupts running acts; what they bring
afterwards is not written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from botticelli.errors import StaleLease
from botticelli.narrative.model import Act, NarrativeInput
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import REVIEW
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import (
    ActFailed,
    BlockRun,
    CapReached,
    ForReview,
    ParkUntil,
    RedoFrom,
    RunEnding,
    RunPaused,
)
from workers.context.reference_values import is_skipped
from workers.executor.act import perform_act, skip_act

_MOST_SEVERE: tuple[type[Exception] | tuple[type[Exception], ...], ...] = (
    StaleLease,
    SERVER_ERRORS,
    RunEnding,
    CapReached,
    BlockRun,
    ActFailed,
    ForReview,
)
_LEAST_SEVERE = (ParkUntil, RunPaused)
"""When parallel acts fail, the most severe failure decides the outcome.

An unexpected exception ranks between these two lists.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """An act that performs narratives, with their acts: positions `start` to `end`, which is the act's own."""

    start: int
    end: int

    def __contains__(self, position: int) -> bool:
        return self.start <= position <= self.end


def perform_acts(stage: IterationContext) -> None:
    """Perform all acts that are not done yet. Raises the most severe of their failures.

    After an answer that is for review, the other acts are skipped.
    """
    try:
        if any(row.verdict == REVIEW for row in stage.finished):
            raise ForReview
        _perform_in_order(stage)
    except ForReview:
        done = {row.position for row in stage.finished}
        for position in range(len(stage.narrative.acts)):
            if position not in done:
                skip_act(stage.at(position))


def _perform_in_order(stage: IterationContext) -> None:
    acts = stage.narrative.acts
    order = _GroupDecisions(stage)
    if all(act.after is None for act in acts):
        position = 0
        while position < len(acts):
            position = _after(order, position)
    else:
        _side_by_side(order, acts, stage.runtime.settings.worker.max_parallel_acts)


def _after(order: _GroupDecisions, position: int) -> int:
    """Perform the act at a position, and return the position of the next one."""
    try:
        order.perform(position)
    except RedoFrom as redo:
        return redo.positions[0]
    return position + 1


def _side_by_side(order: _GroupDecisions, acts: Sequence[Act], at_once: int) -> None:
    waiting, done = dict(enumerate(acts)), set[int]()
    running: dict[Future[None], int] = {}
    failures: list[BaseException] = []
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="act")
    try:
        while True:
            ready = [position for position, act in waiting.items() if done.issuperset(act.after or ())]
            for position in ready if not failures else ():
                del waiting[position]
                if order.is_performed(position):
                    running[pool.submit(order.perform_now, position)] = position
                else:
                    done.add(position)
            if not running:
                if failures or not waiting:
                    break
                continue
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                done.add(running.pop(future))
                error = future.exception()
                if isinstance(error, RedoFrom):
                    done.difference_update(error.positions)
                    waiting |= {position: acts[position] for position in error.positions}
                elif error is not None:
                    failures.append(error)
    except BaseException:  # this thread itself was interrupted, so it waits for no call
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    if failures:
        raise min(failures, key=_gravity)


def _gravity(error: BaseException) -> int:
    if not isinstance(error, Exception):
        return -1
    light = next((number for number, kind in enumerate(_LEAST_SEVERE, 1) if isinstance(error, kind)), 0)
    grave = next((number for number, kind in enumerate(_MOST_SEVERE) if isinstance(error, kind)), len(_MOST_SEVERE))
    return grave + light


class _GroupDecisions:
    """Decides for groups of acts: whether an act with all it performs is skipped, and whether a turn of it is lost."""

    def __init__(self, stage: IterationContext) -> None:
        self._stage = stage
        self._acts = stage.narrative.acts
        self._groups = [Group(act.composes, end) for end, act in enumerate(self._acts) if act.composes is not None]
        self._groups.sort(key=lambda group: (group.start, -group.end))
        self._decided: set[Group] = set()
        self._out: set[int] = set()
        """Positions that are not performed."""

    def perform(self, position: int) -> None:
        if self.is_performed(position):
            self.perform_now(position)

    def is_performed(self, position: int) -> bool:
        """Whether the act is performed; evaluates `skip_if` of the acts around it."""
        for group in self._groups:
            if position in group and group not in self._decided and position not in self._out:
                self._decided.add(group)
                self._decide(group)
        return position not in self._out

    def _decide(self, group: Group) -> None:
        """Decide for all acts of a group, before the first of them begins."""
        stage = self._stage.at(group.end)
        if any(row.position in group and row.status != "skipped" for row in stage.finished):
            return
        if is_skipped(self._stage.at(group.end), stage.act.skip_if):
            positions = range(group.start, group.end + 1)
            done = {row.position for row in stage.finished}
            for position in positions:
                if position not in done:
                    skip_act(self._stage.at(position))
            self._out.update(positions)

    def perform_now(self, position: int) -> None:
        try:
            perform_act(self._stage.at(position))
        except ActFailed:
            turn = self._tolerant_turn(position)
            if turn is None:
                raise
            self._out.update(later for later in turn if later > position)

    def _tolerant_turn(self, position: int) -> Sequence[int] | None:
        """Return the innermost turn around the act whose carousel continues after errors, if there is one."""
        for group in sorted(self._groups, key=lambda group: group.end - group.start):
            act = self._acts[group.end]
            if group.start <= position < group.end and act.carousel is not None and act.carousel.continue_on_error:
                return next(turn for turn in self._turns(act) if position in turn)
        return None

    def _turns(self, act: Act) -> Iterator[Sequence[int]]:
        for input_ in act.inputs:
            if isinstance(input_, NarrativeInput):
                for number in range(1, len(input_.ends) + 1):
                    yield self._stage.turn_of(act, input_, number)
