"""One bot command: announced before, recorded after, replayed when it was done before. Writes no act row."""

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
    Announced,
    CommandOutput,
    CommandSpec,
    Locates,
    Platform,
    Resolves,
    Settled,
    Whereabouts,
    check_arguments,
)
from botticelli.security.act_rules import call_of
from botticelli.store import EffectRecord, Intent, Twin
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.context.iteration_context import Stage
from workers.context.outcomes import ActFailed, Halt, LongWait
from workers.context.reference_values import condition_value, guild_of, is_skipped, resolver
from workers.context.retry_waits import next_wait
from workers.effects.authorization import permit, require_confirmed, require_room
from workers.effects.captures import Capture, forget
from workers.effects.row_updates import PLATFORM as DATABASE
from workers.effects.row_updates import update_table

NONCE_SECONDS = 60
"""For so long a platform is relied on to tell a repeated request by its nonce."""
TWIN_POLL_SECONDS = 0.2
MAY_BE_DONE = ("intended", "done", "unknown")
"""Of an effect that is this one's own, whatever state holds. One that failed leaves the place to what is there."""
Answer = TypeVar("Answer")


class Undecided(Exception):
    """Nobody can tell whether it was done."""


class Command:
    """One command input of one turn of an act."""

    def __init__(self, stage: Stage, act: Act, name: str, one: BotCommandInput) -> None:
        self._stage = stage
        self._act = act
        self._name = name
        """Unique within the iteration: position, turn and input."""
        self._input = one

    def perform(self) -> Any:
        """The command's result as JSON data. ActFailed when it failed and is required; else the failure text."""
        if self._input.platform == DATABASE:
            return update_table(self._stage, self._act, self._name, self._input)
        platform = self._platform()
        spec = platform.spec(self._input.command)
        if spec is None:
            raise ActFailed(f"{self._input.platform} has no command {self._input.command!r}")
        try:
            args = self._arguments(platform, spec)
            wants = self._permit(platform, spec, args)
            if spec.writes:
                return self._effect(platform, spec, args, wants)
            return self._read(platform, spec, args)
        except PlatformError as error:
            if isinstance(error, PlatformGone):
                self._forget(error, args)
            if self._input.required:
                raise ActFailed(f"{self._input.command}: {error}") from None
            return f"{self._input.command} failed: {error}"

    def _platform(self) -> Platform:
        """Halt where this worker would perform what its run was to rehearse, or the other way round."""
        name, run = self._input.platform, self._stage.run
        platform = self._stage.runtime.platforms.get(name, rehearse=run.rehearse)
        expected = run.rehearse or name in self._stage.narrative.rehearsed
        if platform.is_rehearsal != expected:
            here, there = ("rehearses", "performs") if platform.is_rehearsal else ("performs", "rehearses")
            raise Halt(
                f"this worker {here} the commands of {name}, but whoever enqueued the run {there} them; make "
                f"platforms.{name}.implementation the same for both, then `botticelli runs resume {run.id}`"
            )
        return platform

    def _arguments(self, platform: Platform, spec: CommandSpec) -> dict[str, Any]:
        """Rendered, and checked as they were at load. An id is text: an object from state stands for its `id`."""
        rendered = {}
        for name, written in self._input.args.items():
            value = render_value(written, lambda reference: resolver(self._stage, reference))
            wants_text = name.endswith("_id") or (spec.args and name in spec.args and spec.args[name].type == "text")
            rendered[name] = as_text(value) if wants_text else value
        guild = (platform.default_guild() if isinstance(platform, Settled) else None) or guild_of(self._stage.narrative)
        checked = check_arguments(spec, rendered, default_guild=guild)
        if checked.faults:
            fault = checked.faults[0]
            raise PlatformError(f"{fault.name} {fault.message}", do=fault.hint)
        for one in checked.warnings:
            log("argument_clamped", run=self._stage.claim.run_id, command=spec.name, argument=one.name)
        return checked.args

    def _permit(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> str | None:
        """Who wants it confirmed, if anybody does. What was done before is replayed, not judged."""
        if spec.writes:
            with self._stage.runtime.store.transaction() as tx:
                if tx.effects.status_of(self._key(args)) == "done":
                    return None

        def locate(identity: str) -> Whereabouts | None:
            return self._patiently(lambda: platform.locate(identity)) if isinstance(platform, Locates) else None

        return permit(self._stage, self._act, self._input, call_of(platform, self._input.platform, spec, args), locate)

    def _key(self, args: Mapping[str, Any]) -> str:
        """The same for every try of the same command in the same place with the same arguments."""
        claim = self._stage.claim
        content = [claim.run_id, claim.number, self._name, self._input.platform, self._input.command, args]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def _read(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> Any:
        output = self._patiently(lambda: platform.execute(spec.name, args, ""))
        if output.captured_ids:
            with self._stage.guarded() as tx:
                self._capture(spec).write(tx, args, output)
        return output.data

    def _effect(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any], wants: str | None) -> Any:
        with self._alone(spec, args):
            self._settle_twins(platform, spec, args)
            found = self._made_by_another(spec, args)
            if found is not None:
                return found
            if wants is not None:
                require_confirmed(self._stage, self._intent(spec, args), wants)
            record, announced = self._announce(spec, args)
            if record.status == "done":
                return record.output
            if record.status == "unknown":
                raise self._halt(announced)
            if record.resolution == "abandon":
                raise PlatformError(record.error or "given up")
            reach("effect_intended")
            self._stage.begin(lambda tx: tx.effects.withdraw(announced.key))
            try:
                output = self._patiently(lambda: self._once(platform, spec, announced))
            except Undecided:
                raise self._unknown(announced) from None
            except PlatformUnknown as error:
                raise _asked_later(spec, error) from None
            except PlatformError as error:
                with self._stage.guarded() as tx:
                    tx.effects.finish(announced.key, "failed", error=str(error))
                raise
            reach("effect_performed")
            self._finish(announced, spec, output)
            reach("effect_recorded")
            return output.data

    @contextmanager
    def _alone(self, spec: CommandSpec, args: Mapping[str, Any]) -> Iterator[None]:
        """Of those that make something of one name in one place, one at a time."""
        if spec.repeat != "lookup":
            yield
            return
        name = f"{self._input.platform}.{_place(args)}.{spec.captures}.{args.get('name')}"
        with self._stage.runtime.store.named_lock(name):
            yield

    def _settle_twins(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> None:
        """Settle what other iterations announced and were lost over.

        What other iterations announced and were lost over is looked for before the same is made again: what is there is
        theirs, and is kept as they would have done it. A command that looks by itself only has to look after them.
        """
        if spec.reuses:
            self._lost_twins(spec, args)
            return
        if spec.repeat != "lookup" or self._act.skip_if is None or not isinstance(platform, Resolves):
            return
        for twin in self._lost_twins(spec, args):
            with self._stage.guarded() as tx:
                taken = tx.effects.taken_ids(self._input.platform, spec.name, twin.intended_at)
            names = twin.key, spec.name, twin.args, twin.run_id, twin.act
            announced = Announced(*names, twin.intended_at, True, taken, twin.age_seconds)
            try:
                found = self._patiently(lambda asked=announced: self._found(platform, spec, asked))  # type: ignore[misc]
            except Undecided:
                raise self._unknown(announced) from None
            except PlatformUnknown as error:
                raise _asked_later(spec, error) from None
            if found is not None:
                self._finish(announced, spec, found)
                continue
            with self._stage.guarded() as tx:
                tx.effects.finish(twin.key, "failed", error="its worker was lost before it was done")

    def _lost_twins(self, spec: CommandSpec, args: Mapping[str, Any]) -> list[Twin]:
        """Waits for those that somebody may still be at: at most until a lease runs out."""
        place, name, key = _place(args), str(args.get("name")), self._key(args)
        while True:
            with self._stage.about_to_act() as tx:
                twins = tx.effects.twins(key, self._input.platform, spec.name, place=place, name=name)
            if not any(one.is_held for one in twins):
                return twins
            threading.Event().wait(TWIN_POLL_SECONDS)

    def _made_by_another(self, spec: CommandSpec, args: Mapping[str, Any]) -> Any:
        """What state holds, when another iteration has made it since this act asked its `skip_if`; else None."""
        condition = None if self._act.composes is not None else self._act.skip_if
        if spec.repeat != "lookup" or condition is None or not is_skipped(self._stage, condition):
            return None
        with self._stage.runtime.store.transaction() as tx:
            is_mine = tx.effects.status_of(self._key(args)) in MAY_BE_DONE
        return None if is_mine else condition_value(self._stage, condition)

    def _capture(self, spec: CommandSpec) -> Capture:
        return Capture(self._stage, self._input, spec, self._act.output_var or self._act.own_name)

    def _intent(self, spec: CommandSpec, args: Mapping[str, Any]) -> Intent:
        claim, platform, plan = self._stage.claim, self._input.platform, self._capture(spec).plan(args)
        key = self._key(args)
        return Intent(key, claim.run_id, claim.number, self._act.name, platform, spec.name, args, claim.fence, plan)

    def _announce(self, spec: CommandSpec, args: Mapping[str, Any]) -> tuple[EffectRecord, Announced]:
        claim, platform, intent = self._stage.claim, self._input.platform, self._intent(spec, args)
        key = intent.key
        with self._stage.about_to_act() as tx:
            require_room(self._stage, tx, key)
            record = tx.effects.intend(intent)
            repeated = record.tries > 0 and record.resolution != "retry"
            if repeated and spec.repeat == "once" and record.earlier == "failed":
                repeated = False
            taken = tx.effects.taken_ids(platform, spec.name, record.intended_at) if repeated else frozenset[str]()
        names = key, spec.name, args, claim.run_id, self._act.name
        return record, Announced(*names, record.intended_at, repeated, taken, record.age_seconds)

    def _once(self, platform: Platform, spec: CommandSpec, announced: Announced) -> CommandOutput:
        """Perform it, or find that it was performed. An answer that was lost is asked for from then on."""
        if announced.repeated:
            found = self._found(platform, spec, announced)
            if found is not None:
                return found
        try:
            return platform.execute(spec.name, announced.args, announced.key, announced=announced)
        except PlatformUnknown:
            if announced.repeated:
                raise
            return self._patiently(lambda: self._once(platform, spec, replace(announced, repeated=True)))

    def _found(self, platform: Platform, spec: CommandSpec, announced: Announced) -> CommandOutput | None:
        """What it brought; None when it may be done again. Undecided."""
        if spec.repeat == "idempotent":
            return None
        if spec.repeat == "once" or (spec.repeat == "lookup" and not isinstance(platform, Resolves)):
            raise Undecided
        if not isinstance(platform, Resolves):
            return None
        try:
            found = platform.resolve(announced)
        except (PlatformTransient, PlatformUnknown, PlatformGone):
            raise
        except PlatformError:
            if spec.repeat == "nonce" and not announced.is_older_than(NONCE_SECONDS):
                return None
            raise Undecided from None
        if found is UNKNOWN:
            raise Undecided
        return found if isinstance(found, CommandOutput) else None

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Tries again what may pass; for a long wait the iteration is given back."""
        tries = 0
        while True:
            try:
                return ask()
            except (PlatformTransient, PlatformUnknown) as error:
                asked_seconds = error.retry_after_seconds if isinstance(error, PlatformTransient) else None
                if asked_seconds is None and tries >= self._retries:
                    raise
                wait_seconds = next_wait(tries, asked_seconds)
                tries += 1
                log("command_waits", level=logging.WARNING, run=self._stage.claim.run_id, error=error)
                self._sleep(wait_seconds, f"{self._input.command}: {error}")

    @property
    def _retries(self) -> int:
        return self._stage.run.retries if self._act.retries is None else self._act.retries

    def _sleep(self, wait_seconds: float, reason: str) -> None:
        if wait_seconds > self._stage.runtime.settings.worker.inline_wait_seconds:
            raise LongWait(wait_seconds, reason)
        threading.Event().wait(wait_seconds)

    def _finish(self, announced: Announced, spec: CommandSpec, output: CommandOutput) -> None:
        """Done and captured are one fact."""
        with self._stage.guarded() as tx:
            tx.effects.finish(announced.key, "done", output=output.data)
            self._capture(spec).write(tx, announced.args, output)

    def _unknown(self, announced: Announced) -> Halt:
        with self._stage.guarded() as tx:
            tx.effects.finish(announced.key, "unknown", error="a worker or an answer was lost")
        return self._halt(announced)

    def _halt(self, announced: Announced) -> Halt:
        key = announced.key[:8]
        return Halt(
            f"nobody knows whether {announced.command} was done (effect {announced.key}); see `botticelli effects show "
            f"{key}`, then `botticelli effects resolve {key} --done` (or `--retry`, `--abandon`), and "
            f"`botticelli runs resume {announced.run_id}`"
        )

    def _forget(self, error: PlatformGone, args: Mapping[str, Any]) -> None:
        names = (f"{error.kind}_id", *(("thread_id",) if error.kind == "channel" else ()))
        ids = [str(args[name]) for name in names if name in args]
        if ids:
            forget(self._stage, self._input.platform, ids)


def _place(args: Mapping[str, Any]) -> str:
    return str(args.get("guild_id") or args.get("channel_id") or "")


def _asked_later(spec: CommandSpec, error: PlatformUnknown) -> Halt:
    return Halt(f"{spec.name}: {error}; whether it was done is asked when the run is resumed")
