"""Performs one bot command of an act: prepares and authorizes it, then reads, or has its effect once.

Iterations that create the same name in the same place do so one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from botticelli.errors import PlatformError, PlatformGone
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import ChannelLocation, EffectIntent, Locates, Platform, Resolves
from botticelli.security.policy import call_of
from botticelli.store import ConflictingEffect
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed, BlockRun
from workers.context.reference_values import condition_value, is_skipped
from workers.context.trace_spans import command_span
from workers.effects.captures import forget_ids
from workers.effects.effect_attempt import EffectAttempt, EffectLedger
from workers.effects.prepared_command import Authorization, PreparedCommand, prepare
from workers.effects.row_updates import PLATFORM as DATABASE
from workers.effects.row_updates import update_table

POLL_SECONDS = 0.2
MAY_EXIST = ("intended", "done", "unknown")
"""Statuses in which an effect may have created what state holds; a failed one has created nothing."""


def perform_command(stage: IterationContext, act: Act, name: str, input_: BotCommandInput) -> Any:
    """Return the command's result as JSON data.

    `name` is unique within the iteration. ActFailed when a required command failed; else the failure text.
    """
    with command_span(stage, input_) if stage.runtime.spans.is_on else nullcontext():
        return _perform_kind(stage, act, name, input_)


def _perform_kind(stage: IterationContext, act: Act, name: str, input_: BotCommandInput) -> Any:
    if input_.platform == DATABASE:
        return update_table(stage, act, name, input_)
    platform = _platform(stage, input_.platform)
    spec = platform.spec(input_.command)
    if spec is None:
        raise ActFailed(f"{input_.platform} has no command {input_.command!r}")
    try:
        return _perform(prepare(stage, act, name, input_, platform=platform, spec=spec))
    except PlatformError as error:
        if input_.required:
            raise ActFailed(f"{input_.command}: {error}") from None
        return f"{input_.command} failed: {error}"


def _platform(stage: IterationContext, name: str) -> Platform:
    """Return the platform. BlockRun when this worker would perform what the run is to rehearse, or the reverse."""
    run = stage.run
    platform = stage.runtime.platforms.get(name, rehearse=run.rehearse)
    if platform.is_rehearsal != (run.rehearse or name in stage.narrative.rehearsed):
        here, there = ("rehearses", "perform") if platform.is_rehearsal else ("performs", "rehearse")
        raise BlockRun(
            f"this worker {here} the commands of {name}, but the run was enqueued to {there} them; set "
            f"platforms.{name}.implementation to the same value in both places, then `botticelli runs resume {run.id}`"
        )
    return platform


def _perform(command: PreparedCommand) -> Any:
    try:
        return _have_effect(command) if command.spec.writes else _read(command)
    except PlatformGone as error:
        _forget(command, error)
        raise


def _read(command: PreparedCommand) -> Any:
    _required_approval(command)
    output = command.with_retries(lambda: command.platform.execute(command.spec.name, command.args, ""))
    if output.captured_ids:
        with command.stage.guarded() as tx:
            command.capture.write(tx, command.args, output)
    return output.data


def _have_effect(command: PreparedCommand) -> Any:
    """Have the command's effect once; return its result. A command that is already done is replayed without a check.

    Arguments that a person edited replace the prepared ones before anything is judged.
    """
    status, edited_args = EffectLedger(command).standing()
    command = command if edited_args is None else command.edited(edited_args)
    ledger = EffectLedger(command)
    attempt = EffectAttempt(command, ledger)
    conflicts = Conflicts(command, ledger, attempt)
    rule = None if status == "done" else _required_approval(command)
    with conflicts.serialised():
        conflicts.settle_lost()
        existing = conflicts.created_elsewhere()
        if existing is not None:
            return existing
        authorization = _authorization(command)
        approved_args = edited_args if rule is None else authorization.require_approval(ledger.intent, rule)
        if approved_args == edited_args:
            return attempt.perform(authorization.enforce_caps)
    return _have_effect(command)  # edited since it was read above


def _authorization(command: PreparedCommand) -> Authorization:
    return Authorization(command.stage, command.act, command.input_)


def _required_approval(command: PreparedCommand) -> str | None:
    """Return which rule requires an approval, if one does. ActFailed when the command is denied."""
    platform = command.platform

    def locate(identity: str) -> ChannelLocation | None:
        return command.with_retries(lambda: platform.locate(identity)) if isinstance(platform, Locates) else None

    call = call_of(platform, command.input_.platform, command.spec, command.args)
    return _authorization(command).required_approval(call, locate)


def _forget(command: PreparedCommand, error: PlatformGone) -> None:
    """Delete the ids of the object that is gone from state."""
    names = (f"{error.kind}_id", *(("thread_id",) if error.kind == "channel" else ()))
    ids = [str(command.args[name]) for name in names if name in command.args]
    if ids:
        forget_ids(command.stage, command.input_.platform, ids)


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
