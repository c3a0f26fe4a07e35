"""What the parts of one performance share: the claim, the narrative, and the guarded transaction. Performs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from botticelli.budget import Draw, Refusal
from botticelli.carousel.control.run_control import BEGIN_WITHIN_SECONDS
from botticelli.carousel.plan.planned_calls import Plan
from botticelli.narrative import visible
from botticelli.narrative.model import Act, Narrative, NarrativeInput, is_beside
from botticelli.runtime.process import Runtime
from botticelli.settings.definitions import TablesSettings
from botticelli.settings.demands import Demands, strictest_tables
from botticelli.spending.draws import Request
from botticelli.store import ActRow, Claim, Entry, Run, Transaction, Wanted
from workers.batching.act_records import ActRecord
from workers.batching.batched_draws import Drawing, Drawn, draw
from workers.context.outcomes import RunEnding, RunHeld

PARTIAL_CHARACTERS = 2000

REHEARSAL = "rehearsal."


@dataclass(slots=True)
class Retries:
    """Of one iteration, counted over all its acts."""

    used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> None:
        with self._lock:
            self.used += 1


def require_going_on(wanted: Wanted) -> None:
    """RunEnding when the run wants nothing more, RunHeld when it is paused at once."""
    if wanted.ending is not None:
        raise RunEnding
    if wanted.is_held:
        raise RunHeld


@dataclass(slots=True)
class Stage:
    """One claimed iteration, as the act at `position` sees it.

    `finished` holds the act rows so far, those of earlier attempts included; acts that run side by side share it.
    """

    runtime: Runtime
    claim: Claim
    run: Run
    narrative: Narrative
    variables: dict[str, str]
    plan: Plan
    demands: tuple[Demands, ...] = ()
    """Of the settings that the run was enqueued with: they hold beside those of this worker."""
    given: dict[str, str] = field(default_factory=dict)
    """The variables of the run itself, which win over any default."""
    finished: list[ActRow] = field(default_factory=list)
    failed_acts: dict[tuple[int, int], str] = field(default_factory=dict)
    """By position and turn, the errors of acts that failed in an attempt which was lost before the iteration ended."""
    last_acts: list[ActRecord] = field(default_factory=list)
    """The record of the last act, once it has an answer: it is written in the transaction that ends the iteration."""
    retries: Retries = field(default_factory=Retries)
    asked_at: float = 0.0
    """When this act last asked whether the run still wants what is next, by this process's own steady clock."""
    seen: list[frozenset[int]] = field(default_factory=list)
    """For each position, those that are done before it."""
    position: int = 0

    def __post_init__(self) -> None:
        self.seen = self.seen or visible(self.narrative.acts)

    def at(self, position: int) -> Stage:
        """The same iteration, from the place of another act."""
        return replace(self, position=position)

    @property
    def act(self) -> Act:
        return self.narrative.acts[self.position]

    def is_last(self, turn: int) -> bool:
        """Whether the iteration ends when this turn of this act has succeeded. Never where acts run side by side."""
        turns = self.act.carousel.iterations if self.act.carousel else 1
        in_order = all(act.after is None for act in self.narrative.acts)
        return in_order and self.position == len(self.narrative.acts) - 1 and turn == turns

    @property
    def retries_used(self) -> int:
        return self.retries.used

    def rows(self) -> list[ActRow]:
        """Of the acts that are done before this one, in the order of the narrative."""
        before = self.seen[self.position]
        rows = (row for row in tuple(self.finished) if row.position in before)
        return sorted(rows, key=lambda row: (row.position, row.turn))

    def earlier(self) -> list[ActRow]:
        """As `rows`, only of the narrative that this act is of: what others said is their own conversation."""
        return [row for row in self.rows() if is_beside(self.narrative.acts[row.position], self.act)]

    def turn_of(self, act: Act, performed: NarrativeInput, turn: int) -> Sequence[int]:
        """The positions of one turn of a narrative that `act` performs."""
        ends = sorted(end for one in act.inputs if isinstance(one, NarrativeInput) for end in one.ends)
        end = performed.ends[turn - 1]
        before = [one for one in ends if one < end]
        return range(before[-1] + 1 if before else act.composes or 0, end + 1)

    @property
    def tables(self) -> TablesSettings:
        """What narratives may do with tables, by this worker's settings and by those that the run was enqueued with."""
        return strictest_tables(self.runtime.settings.tables, self.demands)

    @property
    def is_rehearsal(self) -> bool:
        """Whether its commands are answered offline: asked for with the run, or by the settings where it was enqueued."""
        return self.run.rehearse or bool(self.narrative.rehearsed)

    @property
    def state_prefix(self) -> str:
        """What a rehearsal writes to state is kept apart: no real run takes a rehearsed channel for one that is there."""
        return REHEARSAL if self.run.rehearse else ""

    @contextmanager
    def guarded(self) -> Iterator[Transaction]:
        """A transaction that begins by asking whether the iteration is still ours. Stale when it isn't."""
        with self.runtime.store.transaction() as tx:
            tx.iterations.guard(self.claim, lease_seconds=self.runtime.settings.worker.lease_seconds)
            yield tx

    @contextmanager
    def about_to_act(self) -> Iterator[Transaction]:
        """Guard a provider call or an effect.

        As `guarded`, before a provider call or an effect: RunEnding when the run wants nothing more, RunHeld when it is
        paused at once.
        """
        self.asked_at = time.monotonic()
        with self.runtime.store.transaction() as tx:
            lease_seconds = self.runtime.settings.worker.lease_seconds
            wanted = tx.iterations.guard(self.claim, lease_seconds=lease_seconds)
            require_going_on(wanted)
            yield tx

    def draw(self, request: Request, entry: Callable[[Draw], Entry]) -> Drawn | Refusal:
        """As `about_to_act`, and the ledger's row of a call is all that is written. What it raises leaves nothing drawn."""
        self.asked_at = time.monotonic()
        try:
            drawn = draw(self.runtime, Drawing(self.claim, request, entry))
            if isinstance(drawn, Drawn):
                if drawn.run is None:
                    raise self.claim.stale()
                require_going_on(drawn.run)
        except BaseException:
            request.draws.undo(request.draw_id)
            raise
        return drawn

    def tell(self, event: str, **data: Any) -> None:
        """Let those who watch know. Never waits and never fails."""
        self.runtime.events.tell(self.claim.run_id, event, number=self.claim.number, **data)

    def partial(self, act: str, turn: int, text: str) -> None:
        """The text that a model has written so far in a call that goes on; watchers see its end. Kept nowhere."""
        end = text[-PARTIAL_CHARACTERS:]
        self.runtime.events.text(self.claim.run_id, number=self.claim.number, act=act, turn=turn, text=end)

    def begin(self, undo: Callable[[Transaction], None]) -> None:
        """Begin the call or the effect: the last thing before it.

        The last thing before the call or the effect: whoever holds the run relies on it that nothing begins long after
        it was allowed. Raises as `about_to_act` does, when `undo` has taken back what was recorded for it.
        """
        try:
            while time.monotonic() - self.asked_at > BEGIN_WITHIN_SECONDS:
                with self.about_to_act():
                    pass
        except (RunEnding, RunHeld):
            with self.guarded() as tx:
                undo(tx)
            raise
