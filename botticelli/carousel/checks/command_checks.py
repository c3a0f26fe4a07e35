"""Checks the bot commands of a narrative against the catalogues of their platforms, before a run exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from botticelli.carousel.checks.media_and_tables import update_fault
from botticelli.errors import InvalidInput, NarrativeError, Problem
from botticelli.narrative.loops import is_redone
from botticelli.narrative.model import Act, BotCommandInput, Narrative, NestedArguments, Template, Value
from botticelli.narrative.source.environment import PLACEHOLDER
from botticelli.platforms import (
    TEMPLATED,
    Catalogued,
    Configurable,
    Platform,
    Restricted,
    check_arguments,
    unknown_commands,
)
from botticelli.platforms.database import DATABASE
from botticelli.runtime.process import Runtime
from botticelli.security.policy import Denied, Rules, call_of, judge, rules_for
from botticelli.settings.demands import Demands


def check_commands(
    runtime: Runtime,
    narrative: Narrative,
    source: str,
    *,
    rehearse: bool = False,
    needs_token: bool = True,
    is_sample: bool = False,
    demands: Sequence[Demands] = (),
) -> list[str]:
    """Check the bot commands of a narrative before it runs.

    Returns a warning for each platform that only rehearses and each argument that is clamped. Raises NarrativeError for
    certain failures: unknown commands and arguments, invalid values, a missing token (a warning unless
    `needs_token`). In a sample, placeholders for ids and unknown platforms, commands and arguments are warnings; enqueuing
    it is still refused.
    """
    problems: list[Problem] = _unconfirmed(runtime, narrative, source, demands)
    lacking: list[Problem] = [problems.pop() for _ in list(problems) if is_sample]
    warnings: list[str] = []
    platforms: dict[str, Platform] = {}
    for act, command in commands_of(narrative):
        try:
            platform = platform_of(runtime, command, rehearse=rehearse)
        except InvalidInput as error:
            (lacking if is_sample else problems).append(problem_of(source, act, command, error.what, error.do))
            continue
        if command.platform not in platforms and (lack := _missing_requirement(platform)):
            (problems if needs_token else lacking).append(problem_of(source, act, command, *lack))
        platforms[command.platform] = platform
        security, enqueued = runtime.settings.security, [each.security for each in demands]
        rules = rules_for(security, narrative, act, command, source, enqueued=enqueued)
        faults, warned = _of_command(platform, source, act, command, rules, is_sample=is_sample)
        problems += faults or _redone_effect(platform, narrative, source, act, command)
        warnings += map(str, warned)
    if problems:
        raise NarrativeError(problems)
    rehearsed = sorted(name for name, platform in platforms.items() if platform.is_rehearsal)
    warnings += map(str, lacking)
    return [*warnings, *(f"commands of {name} are rehearsed offline; nothing outside is changed" for name in rehearsed)]


def _missing_requirement(platform: Platform) -> tuple[str, str] | None:
    return platform.missing_requirement() if isinstance(platform, Configurable) else None


def with_rehearsed(runtime: Runtime, narrative: Narrative) -> Narrative:
    """Write into the narrative which platforms only rehearse here. Call it after `check_commands`.

    A worker on which other platforms rehearse performs none of the commands.
    """
    names = {command.platform for _, command in commands_of(narrative)} - {DATABASE}
    rehearsed = tuple(sorted(name for name in names if runtime.platforms.get(name).is_rehearsal))
    return narrative.model_copy(update={"rehearsed": rehearsed})


def platform_of(runtime: Runtime, command: BotCommandInput, *, rehearse: bool = False) -> Platform:
    """Return the platform that performs a command. Raises InvalidInput if there is none. Tables are never rehearsed."""
    return runtime.platforms.get(command.platform, rehearse=rehearse and command.platform != DATABASE)


def commands_of(narrative: Narrative) -> Iterator[tuple[Act, BotCommandInput]]:
    return ((act, input_) for act in narrative.acts for input_ in act.inputs if input_.type == "bot_command")


def problem_of(
    source: str, act: Act, command: BotCommandInput, message: str, hint: str, *, key: str = "command"
) -> Problem:
    """Return a problem with its place in the file of the act, which may be an included file."""
    if act.scope is not None and act.scope.file:
        source = str(Path(source).parent / f"{act.scope.file}.toml")
    return Problem(source, command.line or act.line, 1, f"act {act.name}", key, message, hint)


def _of_command(
    platform: Platform, source: str, act: Act, command: BotCommandInput, rules: Iterable[Rules], *, is_sample: bool
) -> tuple[list[Problem], list[Problem]]:
    spec = platform.spec(command.command)
    if spec is None:
        guess = platform.suggestion(command.command) if isinstance(platform, Catalogued) else None
        hint = f"did you mean {guess}?" if guess else "write noun.verb, such as messages.send"
        message = f"{command.platform} has no command {command.command!r}"
        unknown = [problem_of(source, act, command, message, hint)]
        return ([], unknown) if is_sample else (unknown, [])
    guild = platform.default_guild() if isinstance(platform, Configurable) else None
    checked = check_arguments(spec, {name: _known(value) for name, value in command.args.items()}, default_guild=guild)

    def place(name: str, message: str, hint: str) -> Problem:
        return problem_of(source, act, command, message, hint, key=f"{command.command} {name}")

    if command.platform == DATABASE and (fault := update_fault(command)) is not None:
        return [problem_of(source, act, command, fault, "")], []
    denied = judge(rules, call_of(platform, command.platform, spec, checked.args))
    if isinstance(denied, Denied):
        key = "command" if denied.key == "command" else f"{command.command} {denied.key}"
        return [problem_of(source, act, command, denied.reason, denied.do, key=key)], []
    samples = [fault for fault in checked.faults if is_sample and fault.is_of_sample]
    faults = [place(item.name, item.message, item.hint) for item in checked.faults if item not in samples]
    beyond = platform.violation(checked.args) if isinstance(platform, Restricted) else None
    faults += [place(*beyond)] if beyond else []
    put_yours = [place(sample.name, sample.message, sample.hint or "put yours before you run it") for sample in samples]
    return faults, [*(place(warning.name, warning.message, warning.hint) for warning in checked.warnings), *put_yours]


def _redone_effect(
    platform: Platform, narrative: Narrative, source: str, act: Act, command: BotCommandInput
) -> list[Problem]:
    """Return a problem for an effect that would be repeated whenever a gate has its act performed again."""
    spec = platform.spec(command.command)
    position = next(place for place, other in enumerate(narrative.acts) if other is act)
    if spec is None or not spec.writes or not is_redone(narrative.acts, position):
        return []
    message = f"{command.command} changes something, and a gate may have this act performed again"
    return [problem_of(source, act, command, message, "move it behind the act that judges")]


def _unconfirmed(runtime: Runtime, narrative: Narrative, source: str, demands: Sequence[Demands]) -> list[Problem]:
    """Return a problem for each command that needs approval by the narrative's policies and that no platform has.

    Raises InvalidInput for an unknown command in the demands of the request.
    """
    names = runtime.settings.platforms
    for each in demands:
        for unknown in unknown_commands(runtime.platforms, names, each.security):
            raise InvalidInput(f"{unknown.what} (demanded with the request)", do=unknown.do)
    policies = [security for place in commands_of(narrative) for security in narrative.securities_for(*place)]
    return [
        Problem(source, 0, 0, "security.policy", unknown.key, unknown.lack, unknown.do)
        for policy in dict.fromkeys(policies)
        for unknown in unknown_commands(runtime.platforms, names, policy)
        if unknown.key == "require_confirmation"
    ]


def _known(value: Value) -> Any:
    """Return the known part of an argument before its act is performed."""
    match value:
        case Template():
            text = "".join(map(str, value.parts))
            return TEMPLATED if value.references or PLACEHOLDER in text else text
        case NestedArguments(array=tuple() as array):
            return [_known(item) for item in array]
        case NestedArguments():
            return {key: _known(item) for key, item in (value.table or {}).items()}
        case _:
            return value
