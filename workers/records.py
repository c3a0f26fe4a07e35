"""The rows after a model call: the act, with what came of its draw.

Those of all iterations that this process performs at the same time are written in one transaction. Calls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.runtime import Runtime
from botticelli.store import ActRow, Claim, Settled
from workers.batches import Batcher
from workers.gathering import crowd


def record_act(runtime: Runtime, claim: Claim, row: ActRow, settled: Settled | None) -> None:
    """Nothing is changed when the act was recorded as done before. Stale when the iteration is no longer held."""
    if not _acts.ask(runtime, _Recorded(claim, row, settled)):
        raise claim.stale()


@dataclass(frozen=True, slots=True)
class _Recorded:
    claim: Claim
    row: ActRow
    settled: Settled | None


def _record_together(runtime: Runtime, asked: Sequence[_Recorded]) -> list[bool]:
    """False for those that are no longer held."""
    with runtime.store.transaction() as tx:
        held = tx.iterations.guard_all([one.claim for one in asked], lease_seconds=_lease_seconds(runtime))
        mine = [one for one in asked if one.claim.key in held]
        if mine:
            tx.acts.record_all([one.row for one in mine])
        settled = [one.settled for one in mine if one.settled is not None]
        if settled:
            tx.ledger.settle_all(settled)
    return [one.claim.key in held for one in asked]


def _lease_seconds(runtime: Runtime) -> float:
    return runtime.settings.worker.lease_seconds


_acts: Batcher[Runtime, _Recorded, bool] = Batcher(_record_together, crowd.gather_seconds)
