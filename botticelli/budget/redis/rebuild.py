"""Rebuilds a scope from the ledger on a server that lost it, before that server grants anything. Decides nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from botticelli.budget.days import DAY_SECONDS
from botticelli.budget.interface import METRICS, Amounts, PastCharge, Reseed, Scope

LONG_MS = DAY_SECONDS * 1000
"""Windows of at least this period are rebuilt from the ledger; shorter ones start full, if anything was charged."""
MINUTE_MS = 60_000


def nothing_charged(scopes: Sequence[Scope]) -> Sequence[PastCharge]:  # noqa: ARG001 (the signature of every source of past charges)
    """The ledger of somebody who has none and starts anew: for tests, benchmarks and budgets that may be forgotten."""
    return ()


def seed_request(epoch: str, scopes: Sequence[Scope], reseed: Reseed | None) -> dict[str, Any]:
    """The request of `lua/seed.lua` for these scopes; `epoch` is when the server's memory begins, in its own time."""
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
    """The charges in order, those of one minute as one at the time of the last of them."""
    minutes: dict[int, tuple[int, Amounts]] = {}
    for charge in charges:
        at_ms, amounts = minutes.get(charge.at_ms // MINUTE_MS, (0, Amounts()))
        minutes[charge.at_ms // MINUTE_MS] = (max(at_ms, charge.at_ms), amounts + charge.amounts)
    return [(at_ms, [amounts.of(metric) for metric in METRICS]) for _, (at_ms, amounts) in sorted(minutes.items())]
