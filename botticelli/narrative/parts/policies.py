"""Reads which commands a narrative allows. Enforces nothing."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import fits, read_table
from botticelli.narrative.permissions import Security
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath


def read_security(written: Any, texts: TemplateReader) -> Security | None:
    """Read [security] of the file; None when it is empty or missing."""
    problems = texts.problems
    table = read_table(problems, ("security",), written, keys.SECURITY, subject="[security]")
    path: TomlPath = ("security", "policy")
    policy = read_table(problems, path, table.get("policy", {}), keys.POLICY, subject="[security.policy]")
    here: TomlPath = ("security", "constraints")
    limits = read_table(
        problems, here, table.get("constraints", {}), keys.CONSTRAINTS, subject="[security.constraints]"
    )
    ids = _ids((*here, "channel_ids"), limits.pop("channel_ids", None), texts)
    constraints = {key: _text((*here, key), value, texts) for key, value in limits.items()}
    if not table:
        return None
    return Security(**_policy(problems, path, policy), channel_ids=ids, **constraints)


def read_bot_policy(texts: TemplateReader, path: TomlPath, table: Mapping[str, Any], command: str) -> Security | None:
    """Read the policy of a bot for its own command. `table` holds only the policy's keys; None when it is empty."""
    if not table:
        return None
    prefix = table.get("channel_prefix")
    prefix = None if prefix is None else _text((*path, "channel_prefix"), prefix, texts)
    policy = _policy(texts.problems, path, table)
    allowed = policy["allowed_commands"]
    if allowed is not None and not any(fnmatchcase(command, pattern) for pattern in allowed):
        texts.problems.add((*path, "command"), f"{shown(command)} is not among its allowed_commands", "add it there")
    return Security(**policy, channel_prefix=prefix)


def _policy(problems: Problems, path: TomlPath, table: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _commands((*path, "allowed_commands"), table.get("allowed_commands"), problems)
    confirm = _confirmation((*path, "require_confirmation"), table.get("require_confirmation", False), problems)
    return {"allowed_commands": allowed, "require_confirmation": confirm}


def _ids(path: TomlPath, value: Any, texts: TemplateReader) -> tuple[str, ...] | None:
    if value is None:
        return None
    fitting = ((index, id_) for index, id_ in enumerate(value) if fits(texts.problems, (*path, index), id_, keys.GUILD))
    return tuple(_text((*path, index), id_, texts) for index, id_ in fitting)


def _commands(path: TomlPath, value: Any, problems: Problems) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(
        command for index, command in enumerate(value) if fits(problems, (*path, index), command, keys.ALLOWED)
    )


def _confirmation(path: TomlPath, value: Any, problems: Problems) -> bool | tuple[str, ...]:
    return value if isinstance(value, bool) else _commands(path, value, problems) or False


def _text(path: TomlPath, value: str | int, texts: TemplateReader) -> str:
    """Fill in `${NAME}`; any other reference is a problem, as its value is not known when commands are checked."""
    template = texts.argument(path, str(value))
    for reference in template.references:
        message = f"{shown(reference.text)} is not known when commands are checked"
        texts.problems.add(path, message, "only ${NAME} may stand here")
    return "".join(part for part in template.parts if isinstance(part, str))
