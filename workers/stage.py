"""What the parts of one performance share: the claim, the narrative, and the guarded transaction. Performs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from botticelli.carousel.plan import Plan
from botticelli.narrative.model import Narrative
from botticelli.runtime import Runtime
from botticelli.store import ActRow, Claim, Run, Transaction
from workers.outcomes import RunEnding


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

    @contextmanager
    def guarded(self) -> Iterator[Transaction]:
        """A transaction that begins by asking whether the iteration is still ours. Stale when it isn't."""
        with self.runtime.store.transaction() as tx:
            tx.iterations.guard(self.claim, lease_seconds=self.runtime.settings.worker.lease_seconds)
            yield tx

    @contextmanager
    def about_to_act(self) -> Iterator[Transaction]:
        """As `guarded`, before a provider call or an effect: RunEnding when the run wants nothing more."""
        with self.runtime.store.transaction() as tx:
            lease_seconds = self.runtime.settings.worker.lease_seconds
            _, ending = tx.iterations.guard(self.claim, lease_seconds=lease_seconds)
            if ending is not None:
                raise RunEnding
            yield tx
