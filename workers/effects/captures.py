"""Keeps the ids that bot commands return in state, under their keys, and checks whether their objects still exist."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import CommandOutput, CommandSpec, Verifies
from botticelli.store import Transaction, escape_segment
from workers.context.iteration_context import IterationContext
from workers.context.reference_values import guild_of

VERIFIED_SECONDS = 60.0
"""Seconds for which an object that was verified is not checked again."""
_verified: dict[tuple[str, str, str], float] = {}


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


def no_longer_exists(stage: IterationContext, act: Act, value: Any) -> bool:
    """Whether the object in `skip_if` was created by this act and no longer exists; deletes it from state."""
    identity = value.get("id") if isinstance(value, Mapping) else None
    if not isinstance(identity, str):
        return False
    for input_ in act.inputs:
        if input_.type == "bot_command" and _no_longer_exists(stage, input_, identity, value.get("metadata") or {}):
            forget_ids(stage, input_.platform, [identity])
            return True
    return False


def _no_longer_exists(
    stage: IterationContext, input_: BotCommandInput, identity: str, metadata: Mapping[str, Any]
) -> bool:
    platform = stage.runtime.platforms.get(input_.platform, rehearse=stage.run.rehearse)
    spec = platform.spec(input_.command)
    if spec is None or spec.captures is None or not spec.writes or not isinstance(platform, Verifies):
        return False
    known = (input_.platform, spec.captures, identity)
    if time.monotonic() - _verified.get(known, float("-inf")) < VERIFIED_SECONDS:
        return False
    if not platform.exists(spec.captures, identity, metadata):
        return True
    if len(_verified) > 10_000:
        _verified.clear()
    _verified[known] = time.monotonic()
    return False


def forget_ids(stage: IterationContext, platform: str, ids: list[str]) -> None:
    """Delete ids that no longer exist on the platform, from state and from the verified ones."""
    for known in [key for key in tuple(_verified) if key[0] == platform and key[2] in ids]:
        _verified.pop(known, None)
    with stage.guarded() as tx:
        tx.state.forget_ids(platform, ids, under=stage.state_prefix)
