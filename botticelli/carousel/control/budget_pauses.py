"""Pause a budget: nothing is admitted or drawn in its scope until it is resumed. Recorded with the lower limits."""

from __future__ import annotations

from datetime import datetime

from botticelli.carousel.actor import Actor
from botticelli.runtime.process import Runtime
from botticelli.store import WHOLE, Override


def pause_scope(runtime: Runtime, scope: str, mover: Actor | None = None, *, until: datetime | None = None) -> Override:
    """Pause a scope, and return the record that is in force.

    All processes keep to it within a second; calls that have begun are settled. A paused scope stays as it is, unless
    `until` is another moment. The record that is in force.
    """
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
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
    """Runs that wait for it are looked at again at once. None when it wasn't paused."""
    mover = mover or Actor()
    with runtime.store.transaction() as tx:
        if WHOLE not in tx.overrides.in_force().get(scope, {}):
            return None
        tx.runs.wake(scope)
        return tx.overrides.add(scope, WHOLE, None, reason=mover.reason, set_by=mover.name, until=None)
