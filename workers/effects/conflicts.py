"""Keeps iterations that create the same name in the same place from creating it twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botticelli.platforms import EffectIntent, Resolves
from botticelli.store import ConflictingEffect
from workers.context.reference_values import condition_value, is_skipped
from workers.effects.effect_attempt import EffectAttempt, EffectLedger
from workers.effects.prepared_command import PreparedCommand

POLL_SECONDS = 0.2
MAY_EXIST = ("intended", "done", "unknown")
"""Statuses in which an effect may have created what state holds; a failed one has created nothing."""


class Conflicts:
    """Finds and settles effects of other iterations that create the same name in the same place as this command."""

    def __init__(self, command: PreparedCommand, ledger: EffectLedger, attempt: EffectAttempt) -> None:
        self._command = command
        self._ledger = ledger
        self._attempt = attempt

    @contextmanager
    def serialised(self) -> Iterator[None]:
        """Serialise commands that create the same name in the same place."""
        command = self._command
        if command.spec.repeat != "lookup":
            yield
            return
        place, name = _place(command.args), command.args.get("name")
        with command.stage.runtime.store.named_lock(
            f"{command.input_.platform}.{place}.{command.spec.captures}.{name}"
        ):
            yield

    def settle_lost(self) -> None:
        """Settle effects of other iterations that have the same name and place and whose worker was lost.

        What the platform has of them is recorded as theirs, as they would have done. A command that reuses existing
        objects by itself only waits for them.
        """
        command = self._command
        if command.spec.reuses:
            self._lost()
            return
        if command.spec.repeat != "lookup" or command.act.skip_if is None:
            return
        if not isinstance(command.platform, Resolves):
            return
        for conflict in self._lost():
            self._settle(self._as_effect(conflict))

    def created_elsewhere(self) -> Any:
        """Return the object in state, when another iteration created it since this act evaluated `skip_if`; else None."""
        command = self._command
        condition = None if command.act.composes is not None else command.act.skip_if
        if command.spec.repeat != "lookup" or condition is None or not is_skipped(command.stage, condition):
            return None
        return None if self._ledger.status() in MAY_EXIST else condition_value(command.stage, condition)

    def _lost(self) -> list[ConflictingEffect]:
        """Return the lost effects of other iterations; wait for those whose worker still holds them, at most one lease."""
        command = self._command
        place, name = _place(command.args), str(command.args.get("name"))
        while True:
            with command.stage.about_to_act() as tx:
                conflicts = tx.effects.conflicting(
                    command.key, command.input_.platform, command.spec.name, place=place, name=name
                )
            if not any(conflict.is_held for conflict in conflicts):
                return conflicts
            threading.Event().wait(POLL_SECONDS)

    def _as_effect(self, conflict: ConflictingEffect) -> EffectIntent:
        """Return the lost effect as the platform looks it up."""
        command = self._command
        with command.stage.guarded() as tx:
            taken = tx.effects.taken_ids(command.input_.platform, command.spec.name, conflict.intended_at)
        return EffectIntent(
            key=conflict.key,
            command=command.spec.name,
            args=conflict.args,
            run_id=conflict.run_id,
            act=conflict.act,
            intended_at=conflict.intended_at,
            repeated=True,
            taken=taken,
            age_seconds=conflict.age_seconds,
        )

    def _settle(self, effect: EffectIntent) -> None:
        output = self._attempt.certain(effect, lambda: self._attempt.earlier_result(effect))
        if output is not None:
            self._ledger.record_done(effect, output)
        else:
            self._ledger.record_failed(effect, "its worker was lost before the command was done")


def _place(args: Mapping[str, Any]) -> str:
    return str(args.get("guild_id") or args.get("channel_id") or "")
