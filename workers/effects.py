"""One bot command: announced before, recorded after, replayed when it was done before. Writes no act row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botticelli.errors import PlatformError
from botticelli.failpoints import reach
from botticelli.narrative import as_text, render_value
from botticelli.narrative.model import BotCommandInput
from botticelli.platforms import CommandOutput, CommandSpec, Platform
from botticelli.store import Intent, Transaction, escape_segment
from workers.outcomes import ActFailed
from workers.references import guild_of, resolver
from workers.stage import Stage
from workers.table_updates import PLATFORM as DATABASE
from workers.table_updates import update_table


class Command:
    """One command input of one turn of an act."""

    def __init__(self, stage: Stage, act: str, name: str, one: BotCommandInput, captured_as: str) -> None:
        self._stage = stage
        self._act = act
        self._name = name
        """Unique within the iteration: position, turn and input."""
        self._input = one
        self._captured_as = captured_as
        """The name under which a captured id that has no name of its own is stored."""

    def perform(self) -> Any:
        """The command's result as JSON data. ActFailed when it failed and is required; else the failure text."""
        if self._input.platform == DATABASE:
            return update_table(self._stage, self._act, self._name, self._input)
        args = {name: self._argument(name) for name in self._input.args}
        platform = self._stage.runtime.platforms.get(self._input.platform)
        spec = platform.spec(self._input.command)
        if spec is None:
            raise ActFailed(f"{self._input.platform} has no command {self._input.command!r}")
        try:
            if spec.writes:
                return self._effect(platform, spec, args)
            return platform.execute(self._input.command, args, self._key(args)).data
        except PlatformError as error:
            if self._input.required:
                raise ActFailed(f"{self._input.command}: {error}") from None
            return f"{self._input.command} failed: {error}"

    def _argument(self, name: str) -> Any:
        """An id is text: an object from state stands for its `id`."""
        value = render_value(self._input.args[name], lambda reference: resolver(self._stage, reference))
        return as_text(value) if name.endswith("_id") else value

    def _key(self, args: Mapping[str, Any]) -> str:
        """The same for every try of the same command in the same place with the same arguments."""
        claim = self._stage.claim
        content = [claim.run_id, claim.number, self._name, self._input.platform, self._input.command, args]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def _effect(self, platform: Platform, spec: CommandSpec, args: Mapping[str, Any]) -> Any:
        key = self._key(args)
        with self._stage.about_to_act() as tx:
            record = tx.effects.intend(self._intent(key, args))
            unknown = record.status == "intended" and record.tries > 0 and spec.repeat == "once"
            if unknown:
                tx.effects.finish(key, "unknown", error="a worker was lost while it was performed")
        if record.status == "done":
            return record.output
        if unknown or record.status == "unknown":
            raise ActFailed(f"{spec.name}: nobody knows whether it was done, and it can't be repeated (effect {key})")
        reach("effect_intended")
        self._stage.begin(lambda tx: tx.effects.withdraw(key))
        try:
            output = platform.execute(spec.name, args, key)
            reach("effect_performed")
        except PlatformError as error:
            with self._stage.guarded() as tx:
                tx.effects.finish(key, "failed", error=str(error))
            raise
        with self._stage.guarded() as tx:
            tx.effects.finish(key, "done", output=output.data)
            self._capture(tx, spec, args, output)
        reach("effect_recorded")
        return output.data

    def _intent(self, key: str, args: Mapping[str, Any]) -> Intent:
        claim = self._stage.claim
        platform, command = self._input.platform, self._input.command
        return Intent(key, claim.run_id, claim.number, self._act, platform, command, args, claim.fence)

    def _capture(self, tx: Transaction, spec: CommandSpec, args: Mapping[str, Any], output: CommandOutput) -> None:
        """`{platform}.{guild}.{kind}.{name}`, with the id that the command brought; without `{guild}` when nobody names
        one."""
        identity = output.captured_ids.get(f"{spec.captures}_id")
        if spec.captures is None or identity is None:
            return
        name = str(args.get("name") or self._captured_as)
        guild = args.get("guild_id") or guild_of(self._stage.narrative)
        place = [self._input.platform, *([escape_segment(str(guild))] if guild else [])]
        key = ".".join([*place, spec.captures, escape_segment(name)])
        value = {"id": identity, "name": name, "created_at": self._stage.claim.started_at.isoformat(), "metadata": {}}
        tx.state.set(key, value, metadata={"run": self._stage.claim.run_id, "command": spec.name})
