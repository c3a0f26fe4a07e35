"""Decides whether a command may have its effect: checks the policy, the caps and, where required, an approval.

Runs before each command, with its rendered arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from botticelli.carousel.control.approvals import valid_seconds
from botticelli.errors import PlatformError
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.security.policy import Call, Denied, Locate, NeedsApproval, judge, rules_for
from botticelli.settings.demands import lowest_cap
from botticelli.store import Intent, Transaction
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed, BlockRun, ParkUntil

SHOWN_CHARACTERS = 8


class Authorization:
    """Decides whether one command of an act may have its effect."""

    def __init__(self, stage: IterationContext, act: Act, command: BotCommandInput) -> None:
        self._stage = stage
        self._act = act
        self._command = command

    def required_approval(self, call: Call, locate: Locate | None) -> str | None:
        """Return which rule requires an approval; None when no rule does.

        ActFailed when the policy denies the command, or the guild or the channel it names, even if it is optional.
        """
        stage = self._stage
        enqueued = [demands.security for demands in stage.demands]
        security = stage.runtime.settings.security
        rules = rules_for(security, stage.narrative, self._act, self._command, stage.run.source, enqueued=enqueued)
        match judge(rules, call, locate):
            case Denied() as denied:
                run_id = stage.claim.run_id
                log("command_denied", level=logging.WARNING, run=run_id, command=call.command, reason=denied)
                raise ActFailed(str(denied))
            case NeedsApproval(origin):
                return origin
            case _:
                return None

    def require_approval(self, intent: Intent, origin: str) -> Mapping[str, Any] | None:
        """Check that the effect is approved, or has begun, and so needs no approval; return its arguments if edited.

        BlockRun while the approval is pending, PlatformError when it was rejected.
        """
        stage = self._stage
        with stage.about_to_act() as tx:
            approval = tx.effects.ask(intent, valid_seconds(stage.runtime, stage.demands))
        if approval.status == "rejected":
            reason = f": {approval.decision_reason}" if approval.decision_reason else ""
            raise PlatformError(f"it was rejected by {approval.decided_by}{reason}")
        if approval.status == "waiting":
            need = f"{intent.command} of act {intent.act} needs approval, required by {origin} (effect {intent.key})"
            short = intent.key[:SHOWN_CHARACTERS]
            advice = f"`botticelli effects approve {short}` or `reject {short}`"
            raise BlockRun(f"{need}; {advice}", waits_for=intent.key)
        return approval.edited_args

    def enforce_caps(self, tx: Transaction, key: str) -> None:
        """Enforce the operator's caps: ActFailed at the cap per run, ParkUntil at the cap per hour."""
        stage = self._stage
        most_of_run, most_of_hour = (
            lowest_cap(name, stage.runtime.settings.security, stage.demands)
            for name in ("max_effects_per_run", "max_effects_per_hour")
        )
        if most_of_run is None and most_of_hour is None:
            return
        if tx.effects.is_announced(key):
            return
        begun = tx.effects.begun(stage.claim.run_id, key)
        if most_of_run is not None and begun.of_run >= most_of_run:
            log("effects_used_up", level=logging.WARNING, run=stage.claim.run_id, most=most_of_run)
            effects = "effect" if begun.of_run == 1 else "effects"
            raise ActFailed(
                f"the run has had {begun.of_run} {effects}; [security] max_effects_per_run is {most_of_run}"
            )
        if most_of_hour is not None and begun.of_hour >= most_of_hour and not stage.run.rehearse:
            counted = f"[security] max_effects_per_hour is {most_of_hour}; begun in the last hour: {begun.of_hour}"
            raise ParkUntil(max(1.0, begun.free_seconds or 1.0), counted)
