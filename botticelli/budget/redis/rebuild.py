"""Builds the request that restores scopes from the ledger on a server that lost them, before it grants anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from botticelli.budget.days import DAY_SECONDS
from botticelli.budget.interface import METRICS, Amounts, PastCharge, Reseed, Scope

LONG_MS = DAY_SECONDS * 1000
"""Windows of at least this period are restored from the ledger. Shorter ones start full if there were any charges."""
MINUTE_MS = 60_000


def nothing_charged(scopes: Sequence[Scope]) -> Sequence[PastCharge]:  # noqa: ARG001 (the signature of every source of past charges)
    """Return no past charges: for tests, benchmarks, and budgets that may be forgotten."""
    return ()


def seed_request(epoch: str, scopes: Sequence[Scope], reseed: Reseed | None) -> dict[str, Any]:
    """Return the request of `lua/seed.lua` for these scopes. `epoch` is when the server's memory begins, by its clock."""
    past: dict[str, list[PastCharge]] = defaultdict(list)
    longest_ms = {scope.name: max(window.period_ms for window in scope.windows) + scope.guard_ms for scope in scopes}
    for charge in reseed(scopes) if reseed else ():
        if charge.at_ms > int(epoch) - longest_ms.get(charge.scope, 0):
            past[charge.scope].append(charge)
    return {
        "epoch": epoch,
        "long_ms": LONG_MS,
        "past": [_by_minute(past[scope.name]) for scope in scopes],
        "closed": ["all" if reseed is None else bool(past[scope.name]) for scope in scopes],
    }


def _by_minute(charges: Sequence[PastCharge]) -> list[tuple[int, list[int]]]:
    """Merge the charges of each minute into one at the time of the last of them, in order of time."""
    minutes: dict[int, tuple[int, Amounts]] = {}
    for charge in charges:
        at_ms, amounts = minutes.get(charge.at_ms // MINUTE_MS, (0, Amounts()))
        minutes[charge.at_ms // MINUTE_MS] = (max(at_ms, charge.at_ms), amounts + charge.amounts)
    return [(at_ms, [amounts.of(metric) for metric in METRICS]) for _, (at_ms, amounts) in sorted(minutes.items())]
