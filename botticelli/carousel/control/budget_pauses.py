"""Pauses budgets: nothing is admitted or drawn in a paused scope. Pauses are stored with the temporary limits."""

from __future__ import annotations

from datetime import datetime

from botticelli.carousel.actor import Actor
from botticelli.runtime.process import Runtime
from botticelli.security.time_checks import future_time
from botticelli.store import WHOLE, Override


def pause_scope(runtime: Runtime, scope: str, mover: Actor | None = None, *, until: datetime | None = None) -> Override:
    """Pause a scope, and return the record that is in force.

    Takes effect in all processes within a second. Calls that have begun are settled. An existing pause changes only if
    `until` differs. Raises InvalidInput for an `until` that is over.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        until = future_time(until, tx.schedules.now(), "until")
        present = tx.overrides.in_force().get(scope, {}).get(WHOLE)
        if present is not None and present.until == until:
            return present
        return tx.overrides.add(scope, WHOLE, 0, reason=mover.reason, set_by=mover.name, until=until)


def pause_at_spend_cap(runtime: Runtime, scope: str, provider: str, reason: str, until: datetime) -> Override:
    """Pause a scope until a provider's spend limit ends; it resumes by itself. A pause that lasts longer stays."""
    with runtime.store.transaction() as tx:
        present = tx.overrides.in_force().get(scope, {}).get(WHOLE)
        if present is not None and (present.until is None or present.until >= until):
            return present
        return tx.overrides.add(scope, WHOLE, 0, reason=reason, set_by=provider, until=until)


def resume_scope(runtime: Runtime, scope: str, mover: Actor | None = None) -> Override | None:
    """Resume a scope, and check the runs that wait for it at once. Returns None if it wasn't paused."""
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        if WHOLE not in tx.overrides.in_force().get(scope, {}):
            return None
        tx.runs.wake(scope)
        return tx.overrides.add(scope, WHOLE, None, reason=mover.reason, set_by=mover.name, until=None)
