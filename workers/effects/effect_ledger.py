"""Keeps the ledger row of one command's effect: the intent before it is performed, and its result after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from botticelli.platforms import CommandOutput, EffectIntent
from botticelli.statuses import EffectStatus
from botticelli.store import EffectRecord, Intent, Transaction
from workers.effects.prepared_command import PreparedCommand


class EffectLedger:
    """Records what is known of the effect. Each method is one transaction, which checks the lease when it writes."""

    def __init__(self, command: PreparedCommand) -> None:
        self._command = command
        self._stage = command.stage

    @cached_property
    def intent(self) -> Intent:
        """The row as it is recorded before the effect."""
        command, claim = self._command, self._stage.claim
        return Intent(
            key=command.key,
            run_id=claim.run_id,
            number=claim.number,
            act=command.act.name,
            platform=command.input_.platform,
            command=command.spec.name,
            args=command.args,
            fencing_token=claim.fencing_token,
            capture=command.capture.state_keys(command.args),
        )

    def standing(self) -> tuple[EffectStatus | None, Mapping[str, Any] | None]:
        """Return the status of the effect, and its arguments if a person edited them; None for what there is not."""
        with self._stage.runtime.store.transaction() as tx:
            return tx.effects.standing(self._command.key)

    def status(self) -> str | None:
        """Return the status of the effect; None when it was never announced."""
        with self._stage.runtime.store.transaction() as tx:
            return tx.effects.status_of(self._command.key)

    def record_intent(self, enforce_caps: Callable[[Transaction, str], None]) -> tuple[EffectRecord, EffectIntent]:
        """Record that the effect is about to be performed; return its row as it was, and what the platform is given.

        `enforce_caps` is called in the same transaction, before the effect counts.
        """
        spec, intent = self._command.spec, self.intent
        with self._stage.about_to_act() as tx:
            enforce_caps(tx, intent.key)
            record = tx.effects.record_intent(intent)
            repeated = record.tries > 0 and record.resolution != "retry"
            if spec.repeat == "once" and record.earlier == "failed":
                repeated = False
            taken = (
                tx.effects.taken_ids(intent.platform, spec.name, record.intended_at) if repeated else frozenset[str]()
            )
        return record, EffectIntent(
            key=intent.key,
            command=spec.name,
            args=intent.args,
            run_id=intent.run_id,
            act=intent.act,
            intended_at=record.intended_at,
            repeated=repeated,
            taken=taken,
            age_seconds=record.age_seconds,
        )

    def record_done(self, effect: EffectIntent, output: CommandOutput) -> None:
        """Record the result and the captured ids."""
        with self._stage.guarded() as tx:
            tx.effects.finish(effect.key, "done", output=output.data)
            self._command.capture.write(tx, effect.args, output)

    def record_failed(self, effect: EffectIntent, error: str) -> None:
        """Record that the effect was certainly not performed."""
        with self._stage.guarded() as tx:
            tx.effects.finish(effect.key, "failed", error=error)

    def record_unknown(self, effect: EffectIntent) -> None:
        """Record that nobody can tell whether the effect was performed; a person resolves it."""
        with self._stage.guarded() as tx:
            tx.effects.finish(effect.key, "unknown", error="a worker or an answer was lost")
