"""Attempts an effect: replays a recorded result, finds what an earlier attempt did, or performs the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown
from botticelli.platforms import UNKNOWN, CommandOutput, EffectIntent, Resolves
from botticelli.store import Transaction
from botticelli.telemetry.failpoints import reach
from workers.context.outcomes import BlockRun
from workers.effects.effect_ledger import EffectLedger
from workers.effects.prepared_command import PreparedCommand

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
