"""Checks whether objects that commands have created still exist, and deletes the ids of those that are gone from state."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botticelli.narrative.model import Act, BotCommandInput
from botticelli.platforms import Verifies
from workers.context.iteration_context import IterationContext

VERIFIED_SECONDS = 60.0
"""Seconds for which an object that was verified is not checked again."""
_verified: dict[tuple[str, str, str], float] = {}


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
