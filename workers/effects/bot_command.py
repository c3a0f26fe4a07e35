"""Performs one bot command: records the intent before and the result after, and replays a recorded result."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown
from botticelli.narrative import as_text, render_value
from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import (
    UNKNOWN,
    ChannelLocation,
    CommandOutput,
    CommandSpec,
    Configurable,
    EffectIntent,
    Locates,
    Platform,
    Resolves,
    check_arguments,
)
from botticelli.security.act_rules import call_of
from botticelli.store import ConflictingEffect, EffectRecord, Intent
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.context.iteration_context import IterationContext
from workers.context.outcomes import ActFailed, BlockRun, ParkUntil
from workers.context.reference_values import condition_value, guild_of, is_skipped, resolver
from workers.context.retry_waits import next_wait
from workers.effects.authorization import authorize, enforce_caps, require_approval
from workers.effects.captures import Capture, forget_ids
from workers.effects.row_updates import PLATFORM as DATABASE
from workers.effects.row_updates import update_table

NONCE_SECONDS = 60
"""Time in seconds for which a platform recognises a repeated request by its nonce."""
TWIN_POLL_SECONDS = 0.2
MAY_BE_DONE = ("intended", "done", "unknown")
"""Statuses in which an effect may have created what state holds; a failed one has created nothing."""
Result = TypeVar("Result")


class OutcomeUnknown(Exception):
    """The platform can't tell whether the command was performed."""


class Command:
    """Performs one command input of one turn of an act."""

    def __init__(self, stage: IterationContext, act: Act, name: str, input_: BotCommandInput) -> None:
        self._stage = stage
        self._act = act
        self._name = name
        """Unique within the iteration: position, turn and input."""
        self._input = input_

    def perform(self) -> Any:
        """Return the command's result as JSON data. ActFailed when a required command failed; else the failure text."""
        if self._input.platform == DATABASE:
            return update_table(self._stage, self._act, self._name, self._input)
        platform = self._platform()
        spec = platform.spec(self._input.command)
        if spec is None:
            raise ActFailed(f"{self._input.platform} has no command {self._input.command!r}")
        try:
            args = self._arguments(platform, spec)
            rule = self._approval_rule(platform, spec, args)
            if spec.writes:
                return self._effect(platform, spec, args, rule)
            return self._read(platform, spec, args)
        except PlatformError as error:
            if isinstance(error, PlatformGone):
                self._forget(error, args)
            if self._input.required:
                raise ActFailed(f"{self._input.command}: {error}") from None
            return f"{self._input.command} failed: {error}"

    def _platform(self) -> Platform:
        """Return the platform. BlockRun when this worker would perform what the run is to rehearse, or the reverse."""
        name, run = self._input.platform, self._stage.run
        platform = self._stage.runtime.platforms.get(name, rehearse=run.rehearse)
        expected = run.rehearse or name in self._stage.narrative.rehearsed
        if platform.is_rehearsal != expected:
            here, there = ("rehearses", "perform") if platform.is_rehearsal else ("performs", "rehearse")
            raise BlockRun(
                f"this worker {here} the commands of {name}, but the run was enqueued to {there} them; set "
                f"platforms.{name}.implementation to the same value in both places, then `botticelli runs resume {run.id}`"
            )
        return platform

    def _arguments(self, platform: Platform, spec: CommandSpec) -> dict[str, Any]:
        """Render the arguments and check them as at load.

        An id is text: an object from state is replaced by its `id`.
        """
        rendered = {}
        for name, written in self._input.args.items():
            value = render_value(written, lambda reference: resolver(self._stage, reference))
            wants_text = name.endswith("_id") or (spec.args and name in spec.args and spec.args[name].type == "text")
            rendered[name] = as_text(value) if wants_text else value
        guild = (platform.default_guild() if isinstance(platform, Configurable) else None) or guild_of(
            self._stage.narrative
        )
        checked = check_arguments(spec, rendered, default_guild=guild)
        if checked.faults:
            fault = checked.faults[0]
            raise PlatformError(f"{fault.name} {fault.message}", do=fault.hint)
        for warning in checked.warnings:
            log("argument_clamped", run=self._stage.claim.run_id, command=spec.name, argument=warning.name)
        return checked.args

    def _approval_rule(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> str | None:
        """Return which rule requires an approval, if one does.

        A command that is already done is replayed without a check.
        """
        if spec.writes:
            with self._stage.runtime.store.transaction() as tx:
                if tx.effects.status_of(self._key(args)) == "done":
                    return None

        def locate(identity: str) -> ChannelLocation | None:
            return self._with_retries(lambda: platform.locate(identity)) if isinstance(platform, Locates) else None

        return authorize(
            self._stage, self._act, self._input, call_of(platform, self._input.platform, spec, args), locate
        )

    def _key(self, args: Mapping[str, Any]) -> str:
        """Return the effect key: the same for every try of a command in the same position with the same arguments."""
        claim = self._stage.claim
        content = [claim.run_id, claim.number, self._name, self._input.platform, self._input.command, args]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def _read(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> Any:
        output = self._with_retries(lambda: platform.execute(spec.name, args, ""))
        if output.captured_ids:
            with self._stage.guarded() as tx:
                self._capture(spec).write(tx, args, output)
        return output.data

    def _effect(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any], rule: str | None) -> Any:
        with self._serialised(spec, args):
            self._settle_lost_conflicts(platform, spec, args)
            existing = self._created_elsewhere(spec, args)
            if existing is not None:
                return existing
            if rule is not None:
                require_approval(self._stage, self._intent(spec, args), rule)
            record, announced = self._record_intent(spec, args)
            if record.status == "done":
                return record.output
            if record.status == "unknown":
                raise self._block_run(announced)
            if record.resolution == "abandon":
                raise PlatformError(record.error or "given up")
            reach("effect_intended")
            self._stage.begin(lambda tx: tx.effects.withdraw(announced.key))
            try:
                output = self._with_retries(lambda: self._execute(platform, spec, announced))
            except OutcomeUnknown:
                raise self._unknown(announced) from None
            except PlatformUnknown as error:
                raise _block_until_resume(spec, error) from None
            except PlatformError as error:
                with self._stage.guarded() as tx:
                    tx.effects.finish(announced.key, "failed", error=str(error))
                raise
            reach("effect_performed")
            self._finish(announced, spec, output)
            reach("effect_recorded")
            return output.data

    @contextmanager
    def _serialised(self, spec: CommandSpec, args: Mapping[str, Any]) -> Iterator[None]:
        """Serialise commands that create the same name in the same place."""
        if spec.repeat != "lookup":
            yield
            return
        name = f"{self._input.platform}.{_place(args)}.{spec.captures}.{args.get('name')}"
        with self._stage.runtime.store.named_lock(name):
            yield

    def _settle_lost_conflicts(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> None:
        """Settle effects of other iterations that have the same name and place and whose worker was lost.

        What the platform has of them is recorded as theirs, as they would have done. A command that reuses existing
        objects by itself only waits for them.
        """
        if spec.reuses:
            self._lost_conflicts(spec, args)
            return
        if spec.repeat != "lookup" or self._act.skip_if is None or not isinstance(platform, Resolves):
            return
        for twin in self._lost_conflicts(spec, args):
            with self._stage.guarded() as tx:
                taken = tx.effects.taken_ids(self._input.platform, spec.name, twin.intended_at)
            names = twin.key, spec.name, twin.args, twin.run_id, twin.act
            announced = EffectIntent(*names, twin.intended_at, True, taken, twin.age_seconds)
            try:
                output = self._with_retries(lambda effect=announced: self._earlier_result(platform, spec, effect))  # type: ignore[misc]
            except OutcomeUnknown:
                raise self._unknown(announced) from None
            except PlatformUnknown as error:
                raise _block_until_resume(spec, error) from None
            if output is not None:
                self._finish(announced, spec, output)
                continue
            with self._stage.guarded() as tx:
                tx.effects.finish(twin.key, "failed", error="its worker was lost before the command was done")

    def _lost_conflicts(self, spec: CommandSpec, args: Mapping[str, Any]) -> list[ConflictingEffect]:
        """Return the lost effects of other iterations; wait for those whose worker still holds them, at most one lease."""
        place, name, key = _place(args), str(args.get("name")), self._key(args)
        while True:
            with self._stage.about_to_act() as tx:
                twins = tx.effects.conflicting(key, self._input.platform, spec.name, place=place, name=name)
            if not any(twin.is_held for twin in twins):
                return twins
            threading.Event().wait(TWIN_POLL_SECONDS)

    def _created_elsewhere(self, spec: CommandSpec, args: Mapping[str, Any]) -> Any:
        """Return the object in state, when another iteration created it since this act evaluated `skip_if`; else None."""
        condition = None if self._act.composes is not None else self._act.skip_if
        if spec.repeat != "lookup" or condition is None or not is_skipped(self._stage, condition):
            return None
        with self._stage.runtime.store.transaction() as tx:
            is_mine = tx.effects.status_of(self._key(args)) in MAY_BE_DONE
        return None if is_mine else condition_value(self._stage, condition)

    def _capture(self, spec: CommandSpec) -> Capture:
        return Capture(self._stage, self._input, spec, self._act.output_var or self._act.own_name)

    def _intent(self, spec: CommandSpec, args: Mapping[str, Any]) -> Intent:
        claim, platform, plan = self._stage.claim, self._input.platform, self._capture(spec).state_keys(args)
        key = self._key(args)
        return Intent(
            key, claim.run_id, claim.number, self._act.name, platform, spec.name, args, claim.fencing_token, plan
        )

    def _record_intent(self, spec: CommandSpec, args: Mapping[str, Any]) -> tuple[EffectRecord, EffectIntent]:
        claim, platform, intent = self._stage.claim, self._input.platform, self._intent(spec, args)
        key = intent.key
        with self._stage.about_to_act() as tx:
            enforce_caps(self._stage, tx, key)
            record = tx.effects.record_intent(intent)
            repeated = record.tries > 0 and record.resolution != "retry"
            if repeated and spec.repeat == "once" and record.earlier == "failed":
                repeated = False
            taken = tx.effects.taken_ids(platform, spec.name, record.intended_at) if repeated else frozenset[str]()
        names = key, spec.name, args, claim.run_id, self._act.name
        return record, EffectIntent(*names, record.intended_at, repeated, taken, record.age_seconds)

    def _execute(self, platform: Platform, spec: CommandSpec, announced: EffectIntent) -> CommandOutput:
        """Perform the command, or find that it was performed. After an answer is lost, the platform is asked first."""
        if announced.repeated:
            output = self._earlier_result(platform, spec, announced)
            if output is not None:
                return output
        try:
            return platform.execute(spec.name, announced.args, announced.key, announced=announced)
        except PlatformUnknown:
            if announced.repeated:
                raise
            return self._with_retries(lambda: self._execute(platform, spec, replace(announced, repeated=True)))

    def _earlier_result(self, platform: Platform, spec: CommandSpec, announced: EffectIntent) -> CommandOutput | None:
        """Return the earlier result; None when the command may be performed again.

        OutcomeUnknown when neither is certain.
        """
        if spec.repeat == "idempotent":
            return None
        if spec.repeat == "once" or (spec.repeat == "lookup" and not isinstance(platform, Resolves)):
            raise OutcomeUnknown
        if not isinstance(platform, Resolves):
            return None
        try:
            resolved = platform.resolve(announced)
        except (PlatformTransient, PlatformUnknown, PlatformGone):
            raise
        except PlatformError:
            if spec.repeat == "nonce" and not announced.is_older_than(NONCE_SECONDS):
                return None
            raise OutcomeUnknown from None
        if resolved is UNKNOWN:
            raise OutcomeUnknown
        return resolved if isinstance(resolved, CommandOutput) else None

    def _with_retries(self, request: Callable[[], Result]) -> Result:
        """Retry temporary failures; a long wait hands the iteration back."""
        tries = 0
        while True:
            try:
                return request()
            except (PlatformTransient, PlatformUnknown) as error:
                requested_seconds = error.retry_after_seconds if isinstance(error, PlatformTransient) else None
                if requested_seconds is None and tries >= self._retries:
                    raise
                wait_seconds = next_wait(tries, requested_seconds)
                tries += 1
                log("command_waits", level=logging.WARNING, run=self._stage.claim.run_id, error=error)
                self._sleep(wait_seconds, f"{self._input.command}: {error}")

    @property
    def _retries(self) -> int:
        return self._stage.run.retries if self._act.retries is None else self._act.retries

    def _sleep(self, wait_seconds: float, reason: str) -> None:
        if wait_seconds > self._stage.runtime.settings.worker.inline_wait_seconds:
            raise ParkUntil(wait_seconds, reason)
        threading.Event().wait(wait_seconds)

    def _finish(self, announced: EffectIntent, spec: CommandSpec, output: CommandOutput) -> None:
        """Record the result and the captured ids in one transaction."""
        with self._stage.guarded() as tx:
            tx.effects.finish(announced.key, "done", output=output.data)
            self._capture(spec).write(tx, announced.args, output)

    def _unknown(self, announced: EffectIntent) -> BlockRun:
        with self._stage.guarded() as tx:
            tx.effects.finish(announced.key, "unknown", error="a worker or an answer was lost")
        return self._block_run(announced)

    def _block_run(self, announced: EffectIntent) -> BlockRun:
        key = announced.key[:8]
        return BlockRun(
            f"it is unknown whether {announced.command} was done (effect {announced.key}); see `botticelli effects show "
            f"{key}`, then `botticelli effects resolve {key} --done` (or `--retry`, `--abandon`), and "
            f"`botticelli runs resume {announced.run_id}`"
        )

    def _forget(self, error: PlatformGone, args: Mapping[str, Any]) -> None:
        names = (f"{error.kind}_id", *(("thread_id",) if error.kind == "channel" else ()))
        ids = [str(args[name]) for name in names if name in args]
        if ids:
            forget_ids(self._stage, self._input.platform, ids)


def _place(args: Mapping[str, Any]) -> str:
    return str(args.get("guild_id") or args.get("channel_id") or "")


def _block_until_resume(spec: CommandSpec, error: PlatformUnknown) -> BlockRun:
    return BlockRun(f"{spec.name}: {error}; resume the run to check whether it was done")
