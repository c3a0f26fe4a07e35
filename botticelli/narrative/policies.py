"""What a narrative says about itself beside its acts: which commands are allowed, and when it is to be run.

Enforces nothing and starts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from botticelli.narrative import keys
from botticelli.narrative.fields import fits, read_table
from botticelli.narrative.inputs import Resource
from botticelli.narrative.model import BotCommandInput, Schedule, Security
from botticelli.narrative.problems import Problems
from botticelli.narrative.suggest import shown
from botticelli.narrative.texts import Texts
from botticelli.toml_text.positions import TomlPath

_CRON = re.compile(r"(?:@(?:hourly|daily|weekly|monthly|yearly))|\S+(?:[ \t]+\S+){4}")
_CRON_FIELD = re.compile(r"[A-Za-z0-9*]+(?:[-/,][A-Za-z0-9*]+){0,60}")


def read_security(written: Any, texts: Texts, resources: Mapping[str, Resource]) -> Security | None:
    """[security] of the file, with the policies of the bots among its `resources`. None when nothing is said."""
    problems = texts.problems
    table = read_table(problems, ("security",), written, keys.SECURITY, what="[security]")
    path: TomlPath = ("security", "policy")
    policy = read_table(problems, path, table.get("policy", {}), keys.POLICY, what="[security.policy]")
    here: TomlPath = ("security", "constraints")
    limits = read_table(problems, here, table.get("constraints", {}), keys.CONSTRAINTS, what="[security.constraints]")
    said = {key: _text((*here, key), value, texts) for key, value in limits.items()}
    allowed = _commands((*path, "allowed_commands"), policy.get("allowed_commands"), problems)
    confirm = _confirmation((*path, "require_confirmation"), policy.get("require_confirmation", False), problems)
    for name, resource in resources.items():
        if name.startswith("bots."):
            confirm = _of_bot(name, resource, confirm, said, problems)
    if not (table or said or confirm):
        return None
    return Security(allowed_commands=allowed, require_confirmation=confirm, **said)


def _of_bot(
    name: str, bot: Resource, confirm: bool | tuple[str, ...], said: dict[str, str], problems: Problems
) -> bool | tuple[str, ...]:
    """A bot's own policy is about its own command."""
    path: TomlPath = tuple(name.split(".", 1))
    command = bot.input.command if isinstance(bot.input, BotCommandInput) else ""
    allowed = _commands((*path, "allowed_commands"), bot.policy.get("allowed_commands"), problems)
    if allowed is not None and command not in allowed:
        problems.add((*path, "command"), f"{shown(command)} is not among its allowed_commands", "add it there")
    if "channel_prefix" in bot.policy:
        said.setdefault("channel_prefix", bot.policy["channel_prefix"])
    own = _confirmation((*path, "require_confirmation"), bot.policy.get("require_confirmation", False), problems)
    asked = (command,) if own is True else own or ()
    return confirm if confirm is True else tuple(dict.fromkeys((*(confirm or ()), *asked))) or False


def _commands(path: TomlPath, value: Any, problems: Problems) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(one for index, one in enumerate(value) if fits(problems, (*path, index), one, keys.ALLOWED))


def _confirmation(path: TomlPath, value: Any, problems: Problems) -> bool | tuple[str, ...]:
    return value if isinstance(value, bool) else _commands(path, value, problems) or False


def _text(path: TomlPath, value: str | int, texts: Texts) -> str:
    """Environment is filled in; nothing else of a run is known when commands are checked."""
    template = texts.argument(path, str(value))
    for reference in template.references:
        message = f"{shown(reference.text)} is not known when commands are checked"
        texts.problems.add(path, message, "only ${NAME} may stand here")
    return "".join(part for part in template.parts if isinstance(part, str))


def read_schedule(path: TomlPath, written: Any, problems: Problems) -> Schedule | None:
    """[narrative.schedule]: one of cron and every_seconds. Keys that other programs know there are left alone."""
    for key in [one for one in written if one not in keys.SCHEDULE.known]:
        problems.warn((*path, key), "has no effect")
    known = {key: value for key, value in written.items() if key in keys.SCHEDULE.known}
    table = read_table(problems, path, known, keys.SCHEDULE, what="[narrative.schedule]")
    if "cron" in known and "every_seconds" in known:
        problems.add((*path, "every_seconds"), "cron and every_seconds are two schedules", "keep one of the two")
    if "cron" in table and not _is_cron(table["cron"]):
        hint = 'minute, hour, day, month, weekday: "0 9 * * 1"'
        problems.add((*path, "cron"), f"{shown(table['cron'])} is no cron line of five fields", hint)
    if "timezone" in table and not _is_zone(table["timezone"]):
        problems.add((*path, "timezone"), f"there is no time zone {shown(table['timezone'])}", 'such as "Europe/Rome"')
    problems.warn(path, "nothing here starts it by itself", "let cron or a beat call botticelli run at these times")
    return Schedule(**table)


def _is_cron(text: str) -> bool:
    if not _CRON.fullmatch(text):
        return False
    return text.startswith("@") or all(_CRON_FIELD.fullmatch(one) for one in text.split())


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
