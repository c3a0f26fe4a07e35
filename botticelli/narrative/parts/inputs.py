"""Reads the inputs of an act: texts, bot commands and other narratives here, media and tables in modules of their own."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.narrative.document.outline import OTHER_NARRATIVE, WrittenAct
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import TABLE, Rule, fits, read_table
from botticelli.narrative.model import (
    MEDIA_KINDS,
    BotCommandInput,
    Input,
    NarrativeInput,
    NestedArguments,
    Template,
    TextInput,
    Value,
)
from botticelli.narrative.parts.media_inputs import read_media
from botticelli.narrative.parts.policies import read_bot_policy
from botticelli.narrative.parts.table_inputs import read_table_input
from botticelli.narrative.source.problems import Problems, nearest, shown
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath

MAX_INPUTS = 20
PERFORMS = ("narrative", "narrative_ref")

_INPUT = Rule("text or a table", lambda value: isinstance(value, str | dict))
_RESOURCE = re.compile(r"(bots|tables|media)\.([A-Za-z_][\w-]*)", re.ASCII)
_TARGET = re.compile(r"(?:[A-Za-z0-9_-]+/){0,4}[A-Za-z0-9_-]{1,64}(?:\.toml)?(?:#[A-Za-z0-9_-]{1,64})?")


@dataclass(slots=True)
class Resource:
    """Holds an input that acts may name; `input` is None when something is wrong with it."""

    input: Input | None
    texts: TemplateReader
    is_used: bool = False


RESOURCES = {"bots": "a bot command", "tables": "a table query", "media": "a medium"}
"""Sections of a file, with what messages call one of their entries."""


def read_inputs(
    act: WrittenAct, table: Mapping[str, Any], texts: TemplateReader, resources: Mapping[str, Resource]
) -> tuple[Input, ...]:
    """Read the inputs of an act in order, the prompt first.

    `table` holds the act's checked keys; `resources` are by `bots.NAME` and the like.
    """
    written = list(_written_inputs(act, table))
    if not written and not _has_bad_inputs(act):
        texts.problems.add(act.path, f"act {act.name} has neither a prompt nor an input", "give it a prompt")
    if len(written) > MAX_INPUTS:
        texts.problems.add(act.path, f"act {act.name} has more than {MAX_INPUTS} inputs")
    reader = _Inputs(texts, resources)
    inputs = (reader.read(path, value, is_prompt) for path, value, is_prompt in written[:MAX_INPUTS])
    return tuple(input_ for input_ in inputs if input_ is not None)


def read_resource(kind: str, texts: TemplateReader, path: TomlPath, value: Any) -> Resource:
    """Read an entry of `[bots]`, `[tables]` or `[media]`."""
    if not fits(texts.problems, path, value, TABLE):
        return Resource(None, texts)
    match kind:
        case "bots":
            return _read_bot(texts, path, value)
        case "tables":
            return Resource(read_table_input(texts, path, value), texts)
        case _:
            return Resource(read_media(texts, path, value), texts)


def _read_bot(texts: TemplateReader, path: TomlPath, value: dict[str, Any]) -> Resource:
    """Read a `[bots.NAME]` table; every key that is not its own is an argument of the command."""
    own = {key: inner for key, inner in value.items() if key in keys.BOT.known}
    table = read_table(texts.problems, path, own, keys.BOT, subject="[bots.NAME]")
    _require_command(texts.problems, path, value)
    args = _arguments(texts, path, {key: inner for key, inner in value.items() if key not in own})
    args |= _arguments(texts, (*path, "args"), table.get("args", {}))
    policy = {key: table[key] for key in (*keys.POLICY.known, "channel_prefix") if key in table}
    security = read_bot_policy(texts, path, policy, str(table.get("command", "")))
    command = _command(table, args, texts.problems.line_of(path))
    return Resource(command.model_copy(update={"policy": security}) if command else None, texts)


def _written_inputs(act: WrittenAct, table: Mapping[str, Any]) -> Iterator[tuple[TomlPath, Any, bool]]:
    """Yield path and value of each input, and whether it is the prompt (always text, never a reference to a resource)."""
    performed = [key for key in PERFORMS if key in table]
    if isinstance(act.value, list):
        yield from (((*act.path, index), value, False) for index, value in enumerate(act.value))
    elif isinstance(act.value, str):
        yield act.path, act.value, False
    else:
        if "prompt" in table:
            yield (*act.path, "prompt"), table["prompt"], True
        for key in performed:
            yield (*act.path, key), {"type": "narrative", "name": table[key]}, False
        yield from (((*act.path, "input", index), value, False) for index, value in enumerate(table.get("input", ())))


def _has_bad_inputs(act: WrittenAct) -> bool:
    """Tell whether the author wrote inputs that have been reported already."""
    return isinstance(act.value, dict) and any(act.value.get(key, []) != [] for key in ("prompt", "input", *PERFORMS))


class _Inputs:
    def __init__(self, texts: TemplateReader, resources: Mapping[str, Resource]) -> None:
        self._texts = texts
        self._problems = texts.problems
        self._resources = resources

    def read(self, path: TomlPath, value: Any, is_prompt: bool) -> Input | None:
        if isinstance(value, str):
            return self._string(path, value, is_prompt)
        if not fits(self._problems, path, value, _INPUT):
            return None
        if "ref" in value:
            return self._referring(path, value)
        kind = value.get("type", "text")
        if kind == "text":
            return self._text_table(path, value)
        elif kind == "bot_command":
            return self._command_table(path, value)
        elif kind == "narrative":
            return self._narrative_table(path, value)
        elif kind == "table":
            return read_table_input(self._texts, path, value)
        elif kind in MEDIA_KINDS:
            return read_media(self._texts, path, value)
        elif isinstance(kind, str):
            hint = self._problems.guess(kind, keys.INPUT_TYPES, otherwise="the types are")
            self._problems.add((*path, "type"), f"there is no input type {shown(kind)}", hint)
        else:
            self._problems.add((*path, "type"), "must be text", 'write type = "text"')
        return None

    def _string(self, path: TomlPath, value: str, is_prompt: bool) -> Input | None:
        """Read a string: a prompt is always text, elsewhere it may name a narrative or a resource."""
        if not is_prompt and OTHER_NARRATIVE.fullmatch(value):
            return self._narrative(path, value)
        is_resource = not is_prompt and _RESOURCE.fullmatch(value) is not None
        return self._resource(path, value) if is_resource else self._text(path, value)

    def _narrative(self, path: TomlPath, written: str) -> NarrativeInput | None:
        """Note which narrative the input names; it is resolved when all narratives of the file are known."""
        other = OTHER_NARRATIVE.fullmatch(written)
        name = other[1] if other else written
        if not _TARGET.fullmatch(name):
            self._problems.add(path, f"{shown(written)} is not the name of a narrative", "write its name, or FILE#NAME")
            return None
        self._texts.performs.append((path, name))
        return NarrativeInput(name=name, line=self._problems.line_of(path))

    def _narrative_table(self, path: TomlPath, value: dict[str, Any]) -> NarrativeInput | None:
        if path[-1] in PERFORMS:
            return self._narrative(path, value["name"])
        table = read_table(self._problems, path, value, keys.NARRATIVE_INPUT, subject="a narrative input")
        if table.get("required") is False:
            self._problems.ignore((*path, "required"), "has no effect: a narrative that fails fails the act")
        if "name" not in value:
            self._problems.add((*path, "name"), "is missing", 'name the narrative: name = "..."')
        input_ = self._narrative((*path, "name"), table["name"]) if "name" in table else None
        return input_ and input_.model_copy(update=_retention(table))

    def _text(self, path: TomlPath, value: str) -> TextInput:
        return TextInput(content=self._texts.template(path, value), line=self._problems.line_of(path))

    def _text_table(self, path: TomlPath, value: dict[str, Any]) -> TextInput | None:
        table = read_table(self._problems, path, value, keys.TEXT_INPUT, subject="a text input")
        given = [key for key in ("content", "file") if key in value]
        if len(given) != 1:
            message = "content and file exclude each other" if given else "is missing"
            self._problems.add((*path, "content"), message, "give either content or file")
        elif given[0] in table:
            read = self._texts.template if given == ["content"] else self._texts.file
            content = read((*path, given[0]), table[given[0]])
            return TextInput(content=content, line=self._problems.line_of(path), **_retention(table))
        return None

    def _command_table(self, path: TomlPath, value: dict[str, Any]) -> BotCommandInput | None:
        table = read_table(self._problems, path, value, keys.COMMAND_INPUT, subject="a bot_command input")
        _require_command(self._problems, path, value)
        args = _arguments(self._texts, (*path, "args"), table.get("args", {}))
        return _command(table, args, self._problems.line_of(path))

    def _referring(self, path: TomlPath, value: dict[str, Any]) -> Input | None:
        table = read_table(self._problems, path, value, keys.RESOURCE_INPUT, subject="an input with ref")
        here, written = (*path, "ref"), table.get("ref", "")
        is_resource = _RESOURCE.fullmatch(written) is not None
        input_: Input | None = None
        if OTHER_NARRATIVE.fullmatch(written):
            input_ = self._narrative(here, written)
        elif is_resource:
            input_ = self._resource(here, written)
        elif "ref" in table:
            self._problems.add(
                here, "does not name a resource", 'write ref = "bots.NAME", "tables.NAME" or "media.NAME"'
            )
        if input_ is None:
            return None
        if table.get("type", input_.type) != input_.type:
            self._problems.add((*path, "type"), f"{shown(written)} is of type {input_.type}", "remove type")
        own = {"required"} if "required" in type(input_).model_fields else set()
        return input_.model_copy(update=_retention(table) | {key: table[key] for key in own & table.keys()})

    def _resource(self, path: TomlPath, written: str) -> Input | None:
        resource = self._resources.get(written)
        if resource is None:
            hint = self._problems.guess(written, self._resources, otherwise="there are")
            self._problems.add(path, f"there is no {shown(written)}", hint)
            return None
        resource.is_used = True
        self._texts.include(written, resource.texts)
        return resource.input and resource.input.model_copy(update={"line": self._problems.line_of(path)})


def _command(table: Mapping[str, Any], args: dict[str, Value], line: int) -> BotCommandInput | None:
    if "command" not in table:
        return None
    return BotCommandInput(
        platform=table.get("platform", "discord"),
        command=table["command"],
        args=args,
        required=table.get("required", True),
        line=line,
        **_retention(table),
    )


def _retention(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: table[key] for key in ("history_retention",) if key in table}


def _require_command(problems: Problems, path: TomlPath, written: Mapping[str, Any]) -> None:
    if "command" not in written:
        typo = nearest("command", written)
        hint = f"rename {shown(typo)} to command?" if typo else 'write command = "..."'
        problems.add((*path, "command"), "is missing", hint)


def _arguments(texts: TemplateReader, path: TomlPath, args: Mapping[str, Any]) -> dict[str, Value]:
    return {key: _value(texts, (*path, key), value) for key, value in args.items()}


def _value(texts: TemplateReader, path: TomlPath, value: Any) -> Value:
    match value:
        case str():
            return texts.argument(path, value)
        case list():
            return NestedArguments(
                array=tuple(_value(texts, (*path, index), inner) for index, inner in enumerate(value))
            )
        case dict():
            return NestedArguments(table={key: _value(texts, (*path, key), inner) for key, inner in value.items()})
        case datetime.date() | datetime.time():
            return Template(parts=(value.isoformat(),))
        case float() if not math.isfinite(value):
            texts.problems.add(path, f"{value} is not a number that a command accepts")
            return 0
        case bool() | int() | float():
            return value
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")
