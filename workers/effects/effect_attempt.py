"""Attempts an effect: replays a recorded result, finds what an earlier attempt did, or performs the command.

The ledger has a row of it: the intent is committed before the command is performed, the outcome after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown
from botticelli.platforms import UNKNOWN, CommandOutput, EffectIntent, Resolves
from botticelli.statuses import EffectStatus
from botticelli.store import EffectRecord, Intent, Transaction
from botticelli.telemetry.failpoints import reach
from workers.context.outcomes import BlockRun
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


NONCE_SECONDS = 60
"""Time in seconds for which a platform recognises a repeated request by its nonce."""
SHOWN_CHARACTERS = 8
Result = TypeVar("Result")


class OutcomeUnknown(Exception):
    """The platform can't tell whether the command was performed."""


class EffectAttempt:
    """Performs the effect of one command at most once, and records its outcome."""

    def __init__(self, command: PreparedCommand, ledger: EffectLedger) -> None:
        self._command = command
        self._ledger = ledger

    def perform(self, enforce_caps: Callable[[Transaction, str], None]) -> Any:
        """Return the command's result. BlockRun when its outcome is unknown, PlatformError when it failed."""
        record, effect = self._ledger.record_intent(enforce_caps)
        if record.status == "done":
            return record.output
        if record.status == "unknown":
            raise _block_until_resolved(effect)
        if record.resolution == "abandon":
            raise PlatformError(record.error or "given up")
        reach("effect_intended")
        self._command.stage.begin(lambda tx: tx.effects.withdraw(effect.key))
        try:
            output = self.certain(effect, lambda: self._execute(effect))
        except PlatformError as error:
            self._ledger.record_failed(effect, str(error))
            raise
        reach("effect_performed")
        self._ledger.record_done(effect, output)
        reach("effect_recorded")
        return output.data

    def certain(self, effect: EffectIntent, request: Callable[[], Result]) -> Result:
        """Return the request's result, after retries. BlockRun while it is unknown whether the effect was performed."""
        try:
            return self._command.with_retries(request)
        except OutcomeUnknown:
            self._ledger.record_unknown(effect)
            raise _block_until_resolved(effect) from None
        except PlatformUnknown as error:
            raise BlockRun(f"{effect.command}: {error}; resume the run to check whether it was done") from None

    def earlier_result(self, effect: EffectIntent) -> CommandOutput | None:
        """Return the result of an earlier attempt; None when the command may be performed again.

        OutcomeUnknown when neither is certain.
        """
        platform, repeat = self._command.platform, self._command.spec.repeat
        if repeat == "idempotent":
            return None
        if repeat == "once" or (repeat == "lookup" and not isinstance(platform, Resolves)):
            raise OutcomeUnknown
        if not isinstance(platform, Resolves):
            return None
        try:
            resolved = platform.resolve(effect)
        except (PlatformTransient, PlatformUnknown, PlatformGone):
            raise
        except PlatformError:
            if repeat == "nonce" and not effect.is_older_than(NONCE_SECONDS):
                return None
            raise OutcomeUnknown from None
        if resolved is UNKNOWN:
            raise OutcomeUnknown
        return resolved if isinstance(resolved, CommandOutput) else None

    def _execute(self, effect: EffectIntent) -> CommandOutput:
        """Perform the command, or find that it was performed. After an answer is lost, the platform is asked first."""
        if effect.repeated:
            output = self.earlier_result(effect)
            if output is not None:
                return output
        try:
            return self._command.platform.execute(effect.command, effect.args, effect.key, announced=effect)
        except PlatformUnknown:
            if effect.repeated:
                raise
            return self._command.with_retries(lambda: self._execute(replace(effect, repeated=True)))


def _block_until_resolved(effect: EffectIntent) -> BlockRun:
    key = effect.key[:SHOWN_CHARACTERS]
    return BlockRun(
        f"it is unknown whether {effect.command} was done (effect {effect.key}); see `botticelli effects show "
        f"{key}`, then `botticelli effects resolve {key} --done` (or `--retry`, `--abandon`), and "
        f"`botticelli runs resume {effect.run_id}`"
    )
