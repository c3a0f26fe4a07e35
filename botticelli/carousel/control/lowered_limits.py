"""Lowers a limit of a budget for a time, for all processes. The settings alone can raise it."""

from __future__ import annotations

from datetime import datetime

from botticelli.budget import Scope
from botticelli.carousel.actor import Actor
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.security.time_checks import future_time
from botticelli.store import Override

DEFAULT = "default"


def lower_limit(
    runtime: Runtime, scope: Scope, window: str, limit: str, mover: Actor, *, until: datetime | None = None
) -> Override:
    """Record a lower limit and return it; `default` restores the usual one of `scope`.

    Raises InvalidInput for an unknown window, a limit that is not lower, or an `until` that is over.
    """
    usual = {known.name: known.limit for known in scope.windows}
    if window not in usual:
        offer = ", ".join(usual) or "none: it has no limits"
        raise InvalidInput(f"there is no window {window!r}", where=scope.name, do=f"its windows: {offer}")
    amount = None if limit == DEFAULT else _amount(limit, usual[window], scope.name)
    with runtime.store.transaction() as tx:
        until = future_time(until, tx.schedules.now(), "until")
        return tx.overrides.add(scope.name, window, amount, reason=mover.reason, set_by=mover.name, until=until)


def _amount(text: str, usual: int, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"{text!r} is not a limit", where=where, do=f"give a whole number from 0, or {DEFAULT}")
    if int(text) >= usual:
        raise InvalidInput(
            f"{int(text):,} is not below the usual limit of {usual:,}", where=where, do="raise limits in the settings"
        )
    return int(text)
