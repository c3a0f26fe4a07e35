"""Prepares a bot command: renders its arguments, names the state keys of what it creates, and decides whether it may be.

Everything that is known before a command is performed is here; checked are the policy, the caps and, where required, an
approval.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from botticelli.carousel.control.approvals import valid_seconds
from botticelli.errors import PlatformError, PlatformTransient, PlatformUnknown
from botticelli.narrative import as_text, render_value
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import CommandOutput, CommandSpec, Configurable, Platform, check_arguments
from botticelli.security.policy import Call, Denied, Locate, NeedsApproval, judge, rules_for
from botticelli.settings.demands import lowest_cap
from botticelli.store import Intent, Transaction, escape_segment
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext, effect_key
from workers.context.outcomes import ActFailed, BlockRun, ParkUntil
from workers.context.reference_values import guild_of, resolver
from workers.context.retry_waits import next_wait

SHOWN_CHARACTERS = 8
Result = TypeVar("Result")


class Capture:
    """Stores the id of the object that a command creates."""

    def __init__(self, stage: IterationContext, input_: BotCommandInput, spec: CommandSpec, captured_as: str) -> None:
        self._stage = stage
        self._input = input_
        self._spec = spec
        self._captured_as = captured_as
        """The name of an object that has no name of its own."""

    def state_keys(self, args: Mapping[str, Any], output: CommandOutput | None = None) -> dict[str, Any] | None:
        """Return the kind, the name and the state keys of an id; None when the command captures nothing.

        Keys are `{platform}.{guild}.{kind}.{name}`, when the guild is known; also without the guild when the narrative
        names none.
        """
        kind, platform = self._spec.captures, self._input.platform
        if kind is None:
            return None
        named = (args.get("guild_id") if "guild_id" in self._input.args else None) or guild_of(self._stage.narrative)
        known = named or args.get("guild_id") or (output.guild_id if output else None)
        name = str(args.get("name") or (output.name if output else None) or self._captured_as)
        places = [[platform, escape_segment(str(known))]] if known else []
        places += [] if named else [[platform]]
        keys = [self._stage.state_prefix + ".".join([*place, kind, escape_segment(name)]) for place in places]
        return {"kind": kind, "name": name, "keys": keys}

    def write(self, tx: Transaction, args: Mapping[str, Any], output: CommandOutput) -> None:
        """Store the captured id, and delete the ids of deleted objects from state."""
        if output.deleted_ids:
            tx.state.forget_ids(self._input.platform, output.deleted_ids, under=self._stage.state_prefix)
        identity = output.captured_ids.get(f"{self._spec.captures}_id")
        plan = self.state_keys(args, output)
        if plan is None or identity is None:
            return
        metadata = dict(output.metadata) | ({"guild_id": output.guild_id} if output.guild_id else {})
        created_at = self._stage.claim.started_at.isoformat()
        value = {"id": identity, "name": plan["name"], "created_at": created_at, "metadata": metadata}
        for key in plan["keys"]:
            tx.state.set(key, value, metadata={"run": self._stage.claim.run_id, "command": self._spec.name})


@dataclass(frozen=True)
class PreparedCommand:
    """A command of one turn of an act, with its rendered arguments. `name` is unique within the iteration.

    When a person has edited the arguments, `args` are the edited ones, and `prepared_args` those that were rendered.
    """

    stage: IterationContext
    act: Act
    name: str
    input_: BotCommandInput
    platform: Platform
    spec: CommandSpec
    args: Mapping[str, Any]
    prepared_args: Mapping[str, Any] | None = None

    @cached_property
    def key(self) -> str:
        """The key of the command's effect, by its arguments as they were prepared."""
        args = self.args if self.prepared_args is None else self.prepared_args
        return effect_key(self.stage.claim, self.name, self.input_.platform, self.input_.command, args)

    def edited(self, args: Mapping[str, Any]) -> PreparedCommand:
        """Return the command with the arguments that a person approved; its effect stays the same."""
        return replace(self, args=args, prepared_args=self.args if self.prepared_args is None else self.prepared_args)

    @cached_property
    def capture(self) -> Capture:
        return Capture(self.stage, self.input_, self.spec, self.act.output_var or self.act.own_name)

    def with_retries(self, request: Callable[[], Result]) -> Result:
        """Return the request's result; retries temporary failures. ParkUntil when the wait is long."""
        retries = self.stage.run.retries if self.act.retries is None else self.act.retries
        tries = 0
        while True:
            try:
                return request()
            except (PlatformTransient, PlatformUnknown) as error:
                requested_seconds = error.retry_after_seconds if isinstance(error, PlatformTransient) else None
                if requested_seconds is None and tries >= retries:
                    raise
                wait_seconds = next_wait(tries, requested_seconds)
                tries += 1
                log("command_waits", level=logging.WARNING, run=self.stage.claim.run_id, error=error)
                self._wait(wait_seconds, f"{self.input_.command}: {error}")

    def _wait(self, wait_seconds: float, reason: str) -> None:
        if wait_seconds > self.stage.runtime.settings.worker.inline_wait_seconds:
            raise ParkUntil(wait_seconds, reason)
        threading.Event().wait(wait_seconds)


def prepare(
    stage: IterationContext, act: Act, name: str, input_: BotCommandInput, *, platform: Platform, spec: CommandSpec
) -> PreparedCommand:
    """Return the command with rendered arguments, checked as at load. PlatformError when one is invalid."""
    rendered = {argument: _rendered(stage, spec, argument, written) for argument, written in input_.args.items()}
    guild = None if "guild_id" in rendered else _default_guild(stage, platform)
    checked = check_arguments(spec, rendered, default_guild=guild)
    if checked.faults:
        fault = checked.faults[0]
        raise PlatformError(f"{fault.name} {fault.message}", do=fault.hint)
    for warning in checked.warnings:
        log("argument_clamped", run=stage.claim.run_id, command=spec.name, argument=warning.name)
    return PreparedCommand(
        stage=stage, act=act, name=name, input_=input_, platform=platform, spec=spec, args=checked.args
    )


def _default_guild(stage: IterationContext, platform: Platform) -> str | None:
    """Return the guild of a command that names none: that of the settings, else the only one of the narrative."""
    return (platform.default_guild() if isinstance(platform, Configurable) else None) or guild_of(stage.narrative)


def _rendered(stage: IterationContext, spec: CommandSpec, argument: str, written: Any) -> Any:
    """Render one argument. An id is text: an object from state is replaced by its `id`."""
    value = render_value(written, lambda reference: resolver(stage, reference))
    is_text = argument.endswith("_id") or (spec.args and argument in spec.args and spec.args[argument].type == "text")
    return as_text(value) if is_text else value


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
        securities = [stage.runtime.settings.security, *(demands.security for demands in stage.demands)]
        if all(each.max_effects_per_run is None and each.max_effects_per_hour is None for each in securities):
            return
        most_of_run, most_of_hour = (
            lowest_cap(name, stage.runtime.settings.security, stage.demands)
            for name in ("max_effects_per_run", "max_effects_per_hour")
        )
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
