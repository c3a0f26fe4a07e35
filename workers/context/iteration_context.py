"""Holds what the parts of an iteration share: the claim, the narrative, and the transaction that checks the lease."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from botticelli.carousel.control.run_control import BEGIN_WITHIN_SECONDS
from botticelli.carousel.plan.planned_calls import Plan
from botticelli.narrative import visible
from botticelli.narrative.model import Act, Narrative, NarrativeInput, share_performance
from botticelli.runtime.process import Runtime
from botticelli.settings.definitions import TablesSettings
from botticelli.settings.demands import Demands, strictest_tables
from botticelli.spending.account import CallCharge
from botticelli.store import ActRow, Claim, Item, Run, RunIntent, Transaction
from workers.batching.batched_writes import ActRecord
from workers.context.outcomes import RunEnding, RunPaused

PARTIAL_CHARACTERS = 2000
KEY_CHARACTERS = 32

REHEARSAL = "rehearsal."


@dataclass(slots=True)
class Retries:
    """Counts the retries of an iteration over all its acts."""

    used: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> None:
        with self._lock:
            self.used += 1


def require_going_on(intent: RunIntent) -> None:
    """Raise RunEnding when the run wants no further call, RunPaused when it was paused with `--now`."""
    if intent.ending is not None:
        raise RunEnding
    if intent.is_held:
        raise RunPaused


@dataclass(slots=True)
class IterationContext:
    """One claimed iteration, as the act at `position` sees it.

    `finished` holds the act rows so far, those of earlier attempts included; parallel acts share it.
    """

    runtime: Runtime
    claim: Claim
    run: Run
    narrative: Narrative
    variables: dict[str, str]
    plan: Plan
    demands: tuple[Demands, ...] = ()
    """Demands of the settings that the run was enqueued with; they apply in addition to this worker's."""
    given: dict[str, str] = field(default_factory=dict)
    """The variables of the run itself, which win over any default."""
    finished: list[ActRow] = field(default_factory=list)
    rejected: list[ActRow] = field(default_factory=list)
    """Rows of earlier attempts whose answers were not accepted, in order."""
    failed_acts: dict[tuple[int, int], str] = field(default_factory=dict)
    """Errors of acts that failed in an earlier attempt whose worker was lost, by position and turn."""
    unrepaired: dict[tuple[int, int, int], ActRow] = field(default_factory=dict)
    """Typed answers of earlier workers that are paid for and await their repair, by position, turn and attempt."""
    last_acts: list[ActRecord] = field(default_factory=list)
    """The record of the last act, once it has an answer; it is written in the transaction that ends the iteration."""
    open_charges: list[CallCharge] = field(default_factory=list)
    """Charges of answers that the iteration's end settles."""
    retries: Retries = field(default_factory=Retries)
    items: tuple[Item, ...] = ()
    """The rows of the iteration; none in a run without rows."""
    note: str | None = None
    """A warning for the row of this turn."""
    requested_at: float = 0.0
    """When this act last checked that the run wants its next step, in seconds of this process's monotonic clock."""
    seen: list[frozenset[int]] = field(default_factory=list)
    """For each position, the positions that finish before it; empty until `rows` needs it."""
    position: int = 0

    def at(self, position: int) -> IterationContext:
        """Return the same iteration as the act at `position` sees it."""
        return replace(self, position=position)

    def with_item(self, number: int, value: Any, note: str | None = None) -> IterationContext:
        """Return the same iteration as a turn sees it that goes through a list: its row is the item."""
        return replace(self, items=(Item(number, "", 0, value),), note=note)

    @property
    def act(self) -> Act:
        return self.narrative.acts[self.position]

    def is_last(self, turn: int) -> bool:
        """Whether the iteration ends when this turn of this act succeeds; always False where acts run in parallel."""
        turns = self.act.carousel.iterations if self.act.carousel else 1
        in_order = all(act.after is None for act in self.narrative.acts)
        return in_order and self.position == len(self.narrative.acts) - 1 and turn == turns

    @property
    def retries_used(self) -> int:
        return self.retries.used

    def rows(self) -> list[ActRow]:
        """Return the rows of acts that finished before this one, in narrative order."""
        if not self.finished:
            return []
        if not self.seen:
            self.seen[:] = visible(self.narrative.acts)
        before = self.seen[self.position]
        rows = (row for row in tuple(self.finished) if row.position in before)
        return sorted(rows, key=lambda row: (row.position, row.turn))

    def earlier(self) -> list[ActRow]:
        """Return those of `rows` that belong to this act's own narrative."""
        return [row for row in self.rows() if share_performance(self.narrative.acts[row.position], self.act)]

    def turn_of(self, act: Act, performed: NarrativeInput, turn: int) -> Sequence[int]:
        """Return the positions of one turn of a narrative that `act` performs."""
        ends = sorted(end for input_ in act.inputs if isinstance(input_, NarrativeInput) for end in input_.ends)
        end = performed.ends[turn - 1]
        before = [earlier for earlier in ends if earlier < end]
        return range(before[-1] + 1 if before else act.composes or 0, end + 1)

    @property
    def tables(self) -> TablesSettings:
        """Return the table permissions: this worker's settings, limited by those that the run was enqueued with."""
        return strictest_tables(self.runtime.settings.tables, self.demands)

    @property
    def is_rehearsal(self) -> bool:
        """Whether commands are answered offline, because the run or the settings that it was enqueued with say so."""
        return self.run.rehearse or bool(self.narrative.rehearsed)

    @property
    def state_prefix(self) -> str:
        """Prefix of the state keys that a rehearsal writes, so that a real run never uses a rehearsed channel."""
        return REHEARSAL if self.run.rehearse else ""

    @contextmanager
    def guarded(self) -> Iterator[Transaction]:
        """Open a transaction that first checks and renews the lease. Stale when another worker holds the iteration."""
        with self.runtime.store.transaction() as tx:
            tx.iterations.check_lease(self.claim, lease_seconds=self.runtime.settings.worker.lease_seconds)
            yield tx

    @contextmanager
    def about_to_act(self) -> Iterator[Transaction]:
        """Open a lease-checked transaction before a provider call or an effect.

        As `guarded`; also RunEnding when the run wants no further call, RunPaused when it was paused with `--now`.
        """
        self.requested_at = time.monotonic()
        with self.runtime.store.transaction() as tx:
            lease_seconds = self.runtime.settings.worker.lease_seconds
            intent = tx.iterations.check_lease(self.claim, lease_seconds=lease_seconds)
            require_going_on(intent)
            yield tx

    def tell(self, event: str, **data: Any) -> None:
        """Publish an event to watchers. Never waits and never fails."""
        self.runtime.events.tell(self.claim.run_id, event, number=self.claim.number, **data)

    def partial(self, act: str, turn: int, text: str) -> None:
        """Show watchers the end of the text that a model has written so far; nothing is stored."""
        end = text[-PARTIAL_CHARACTERS:]
        self.runtime.events.text(self.claim.run_id, number=self.claim.number, act=act, turn=turn, text=end)

    def begin(self, undo: Callable[[Transaction], None]) -> None:
        """Check once more, immediately before the call or the effect, that it is still wanted.

        A pause relies on it: nothing starts long after it was allowed. Raises as `about_to_act` does, after `undo` has
        taken back what was recorded.
        """
        try:
            while time.monotonic() - self.requested_at > BEGIN_WITHIN_SECONDS:
                with self.about_to_act():
                    pass
        except (RunEnding, RunPaused):
            with self.guarded() as tx:
                undo(tx)
            raise


def effect_key(claim: Claim, name: str, *content: object) -> str:
    """Return the key of an effect of this iteration.

    `name` is unique within the iteration; `content` is JSON data that says what the effect is.
    """
    text = json.dumps([claim.run_id, claim.number, name, *content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_CHARACTERS]
