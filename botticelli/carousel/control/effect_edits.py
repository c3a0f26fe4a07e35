"""Checks the arguments that a person gives a waiting effect in place of the prepared ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botticelli.carousel.plan.snapshots import demands_of_run, narrative_of
from botticelli.errors import InvalidInput
from botticelli.platforms import Platform, Restricted, check_arguments
from botticelli.platforms.database import DATABASE
from botticelli.runtime.process import Runtime
from botticelli.security.policy import Denied, call_of, judge, rules_for
from botticelli.store import Effect, Run, Transaction


def edited_args(
    runtime: Runtime, tx: Transaction, run: Run, effect: Effect, edits: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments with the edits, checked as the prepared ones were; None when they change nothing.

    An edit of None removes the argument. InvalidInput for arguments that the command or a policy does not allow. Channels
    are looked up once more by the worker, before it performs the command.
    """
    if effect.platform == DATABASE:
        raise InvalidInput("the change of a table can't be edited", do="reject it, or approve it as it is")
    platform = runtime.platforms.get(effect.platform, rehearse=run.rehearse)
    spec = platform.spec(effect.command)
    if spec is None:
        raise InvalidInput(f"{effect.platform} has no command {effect.command!r} here", do="edit it where it has")
    unknown = [name for name in edits if spec.args is not None and name not in spec.args]
    if unknown:
        known = ", ".join(spec.args or {})
        raise InvalidInput(f"{effect.command} has no argument {unknown[0]!r}", do=f"its arguments are {known}")
    given = {name: value for name, value in {**effect.args, **edits}.items() if value is not None}
    checked = check_arguments(spec, given)
    for fault in (*checked.faults, *checked.warnings):
        raise InvalidInput(f"{fault.name} {fault.message}", do=fault.hint or "edit it otherwise")
    _require_allowed(runtime, tx, run, effect, platform=platform, args=checked.args)
    return None if checked.args == effect.args else checked.args


def _require_allowed(
    runtime: Runtime, tx: Transaction, run: Run, effect: Effect, *, platform: Platform, args: Mapping[str, Any]
) -> None:
    """Raise InvalidInput for arguments that the settings, the enqueuer's or the narrative's policy do not allow."""
    beyond = platform.violation(args) if isinstance(platform, Restricted) else None
    if beyond is not None:
        raise InvalidInput(f"{beyond[0]} {beyond[1]}", do=beyond[2])
    spec = platform.spec(effect.command)
    assert spec is not None, "the caller has checked it"
    narrative = narrative_of(tx, run.id)
    enqueued = [demands.security for demands in demands_of_run(tx, run.id)]
    for act in narrative.acts:
        for command in act.inputs:
            if act.name != effect.act or command.type != "bot_command" or command.command != effect.command:
                continue
            rules = rules_for(runtime.settings.security, narrative, act, command, run.source, enqueued=enqueued)
            denied = judge(rules, call_of(platform, effect.platform, spec, args))
            if isinstance(denied, Denied):
                raise InvalidInput(denied.reason, do=denied.do)
