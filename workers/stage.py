"""What the parts of one performance share: the claim, the narrative, and the guarded transaction. Performs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botticelli.carousel.levers import BEGIN_WITHIN_SECONDS
from botticelli.carousel.plan import Plan
from botticelli.narrative.model import Narrative
from botticelli.runtime import Runtime
from botticelli.store import ActRow, Claim, Run, Transaction
from workers.outcomes import RunEnding, RunHeld

PARTIAL_CHARACTERS = 2000

REHEARSAL = "rehearsal."


@dataclass(slots=True)
class Stage:
    """One claimed iteration. `finished` holds the act rows so far, those of earlier attempts included."""

    runtime: Runtime
    claim: Claim
    run: Run
    narrative: Narrative
    variables: dict[str, str]
    plan: Plan
    finished: list[ActRow] = field(default_factory=list)
    retries_used: int = 0
    asked_at: float = 0.0
    """When this process last asked whether the run still wants what is next, by its own steady clock."""

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
        """As `guarded`, before a provider call or an effect: RunEnding when the run wants nothing more, RunHeld when it
        is paused at once."""
        self.asked_at = time.monotonic()
        with self.runtime.store.transaction() as tx:
            lease_seconds = self.runtime.settings.worker.lease_seconds
            wanted = tx.iterations.guard(self.claim, lease_seconds=lease_seconds)
            if wanted.ending is not None:
                raise RunEnding
            if wanted.is_held:
                raise RunHeld
            yield tx

    def tell(self, event: str, **data: Any) -> None:
        """Let those who watch know. Never waits and never fails."""
        self.runtime.events.tell(self.claim.run_id, event, number=self.claim.number, **data)

    def partial(self, act: str, turn: int, text: str) -> None:
        """The text that a model has written so far in a call that goes on; watchers see its end. Kept nowhere."""
        end = text[-PARTIAL_CHARACTERS:]
        self.runtime.events.text(self.claim.run_id, number=self.claim.number, act=act, turn=turn, text=end)

    def begin(self, undo: Callable[[Transaction], None]) -> None:
        """The last thing before the call or the effect: whoever holds the run relies on it that nothing begins long
        after it was allowed. Raises as `about_to_act` does, when `undo` has taken back what was recorded for it."""
        try:
            while time.monotonic() - self.asked_at > BEGIN_WITHIN_SECONDS:
                with self.about_to_act():
                    pass
        except (RunEnding, RunHeld):
            with self.guarded() as tx:
                undo(tx)
            raise
