"""Enforces max_cost_usd before each call of a run: counts money spent, calls in flight, and the call itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from botticelli.budget import Refusal
from botticelli.carousel.admission.state_machine import NANO, nano, run_scope
from botticelli.pricing import plain_decimal
from botticelli.runtime.process import Runtime
from botticelli.store import Entry, Run, RunMoney, Transaction

RETRY_MS = 200
"""Wait before the next check, when calls in flight decide whether another one fits."""
WINDOW = "max_cost_usd (in billionths)"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Permits the call. While it is in flight, its ledger row has the highest cost that is expected."""

    entry: Entry


def check_call(runtime: Runtime, tx: Transaction, run: Run, entry: Entry) -> Allowed | Refusal:
    """Decide whether a call may be made now; the caller has locked the run, and writes the entry in this transaction.

    A refusal without `retry_after_ms` is final: nothing is in flight, and the call would pass the cap. The first call of
    an act whose cost is not known yet is made alone: its estimate may be far too low, and several such calls would pass
    the cap together.
    """
    quantile = runtime.settings.budget.estimate_quantile
    money = tx.ledger.run_money(run.id, entry.narrative, entry.act, entry.model, quantile)
    return decide(run, entry, money)


def decide(run: Run, entry: Entry, money: RunMoney) -> Allowed | Refusal:
    """Decide from what the run has spent."""
    assert run.max_cost_usd is not None, "only asked of runs with a cap"
    estimated = entry.estimated_cost_usd or Decimal(0)
    usual, dearest = (max(estimated, past or Decimal(0)) for past in (money.usual, money.dearest))
    spent = run.max_cost_usd if money.spent is None else money.spent
    if money.spent is None or spent + usual > run.max_cost_usd:
        return _refusal(run, spent, usual, RETRY_MS if money.calls else None)
    if money.blind or (money.calls and money.dearest is None):
        return _refusal(run, spent + money.in_flight, usual, RETRY_MS)
    if money.calls and spent + money.in_flight + dearest > run.max_cost_usd:
        return _refusal(run, spent + money.in_flight, dearest, RETRY_MS)
    return Allowed(replace(entry, estimated_cost_usd=dearest))


def cap_reason(refusal: Refusal) -> str:
    """Say in dollars why a call is not made."""
    limit, used, requested = (
        f"${plain_decimal(Decimal(n) / NANO)}" for n in (refusal.limit, refusal.used, refusal.requested)
    )
    return f"max_cost_usd: {used} of {limit} is spent, and the next call may cost {requested}"


def _refusal(run: Run, spent: Decimal, requested: Decimal, retry_after_ms: int | None) -> Refusal:
    cap = int((run.max_cost_usd or Decimal(0)) * NANO)
    return Refusal(run_scope(run), WINDOW, cap, nano(spent), nano(requested), retry_after_ms)
