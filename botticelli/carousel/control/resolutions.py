"""Records what became of an effect whose outcome is unknown, as a person says."""

from __future__ import annotations

from typing import Any

from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.statuses import Resolution
from botticelli.store import Effect, Run, Transaction


def resolve_effect(
    runtime: Runtime, effect: str, resolution: Resolution, *, by: str, data: Any = None
) -> tuple[Effect, Run]:
    """Resolve an effect, by the beginning of its id, and return it with its run, which is to be resumed then.

    `data` is the result of one that was done; its id goes to state, as if the command had succeeded. Raises NotFound, and
    InvalidInput for an effect of known outcome.
    """
    if data and resolution != "done":
        raise InvalidInput("data is only for an effect that was done", do="leave it out")
    value = {} if data is None else data
    with runtime.store.transaction() as tx:
        before = tx.effects.find(effect, lock=True)
        tx.effects.resolve(before.key, resolution, by=by, data=value)
        if resolution == "done":
            _capture(tx, before, value)
        return tx.effects.find(before.key), tx.runs.get(before.run_id)


def _capture(tx: Transaction, effect: Effect, value: Any) -> None:
    """Store the id of what was created in state, as the command does when it succeeds."""
    plan = tx.effects.capture_of(effect.key)
    if plan is None or not isinstance(value, dict):
        return
    identity = next((str(value[name]) for name in ("id", f"{plan['kind']}_id") if value.get(name)), None)
    if identity is None:
        return
    entry = {"id": identity, "name": plan["name"], "created_at": effect.intended_at.isoformat(), "metadata": {}}
    for key in plan["keys"]:
        tx.state.set(key, entry, metadata={"run": effect.run_id, "command": effect.command})
