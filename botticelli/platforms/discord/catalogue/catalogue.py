"""Reads catalogue.toml: every command with its arguments, its route and its answer. Sends nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from botticelli.platforms.protocol import Arg, CommandSpec

_ARGUMENT = re.compile(r"(?P<name>\w+)(?P<star>\*?)(?:\((?P<least>\d+)\.\.(?P<most>\d+)=(?P<default>\d+)\))?")


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds one command of the catalogue. `body` and `query` map Discord's field names to argument names."""

    spec: CommandSpec
    route: str | None
    steps: str | None
    answer: str | Mapping[str, Any] | None
    query: Mapping[str, str] = field(default_factory=dict)
    query_all: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    body_all: Mapping[str, Any] = field(default_factory=dict)
    deletes: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Holds all commands. `shapes` map answer fields to paths in Discord's objects; `mistakes` guessed names to real ones."""

    entries: Mapping[str, Entry]
    shapes: Mapping[str, Mapping[str, str]]
    mistakes: Mapping[str, str]

    def suggestion(self, command: str) -> str | None:
        if command in self.mistakes:
            return self.mistakes[command]
        return next(iter(get_close_matches(command[:64].lower(), self.entries, 1, 0.6)), None)


@cache
def catalogue() -> Catalogue:
    text = files("botticelli.platforms.discord.catalogue").joinpath("catalogue.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    known = {name: _argument(table) for name, table in tables["arguments"].items()}
    entries = {name: _entry(name, table, known) for name, table in tables["commands"].items()}
    return Catalogue(entries, {name: _pairs(text) for name, text in tables["shapes"].items()}, tables["mistakes"])


def _argument(table: Mapping[str, Any]) -> Arg:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Arg(**fields)


def _entry(name: str, table: Mapping[str, Any], known: Mapping[str, Arg]) -> Entry:
    args = dict(_written(word, known) for word in table["args"].split())
    repeat = table.get("repeat")
    spec = CommandSpec(
        name=name,
        writes=repeat is not None,
        repeat=repeat or "idempotent",
        captures=table.get("captures"),
        args=args,
        needs=tuple(table.get("needs", ())),
        reuses=table.get("reuses", False),
        changes=_changes(args) if name.endswith(".edit") else (),
    )
    return Entry(
        spec,
        table.get("route"),
        table.get("steps"),
        table.get("answer"),
        query=_pairs(table.get("query", "")),
        query_all=table.get("query_all", {}),
        body=_pairs(table.get("body", "")),
        body_all=table.get("body_all", {}) | dict.fromkeys(table.get("body_nulls", ())),
        deletes=table.get("deletes"),
    )


def _changes(args: Mapping[str, Arg]) -> tuple[str, ...]:
    """List the arguments that an edit can change: all but the reason and the ids of the object and its place."""
    return tuple(name for name, arg in args.items() if name not in ("reason", "guild_id") and not _names_it(arg))


def _names_it(arg: Arg) -> bool:
    return arg.required and arg.type == "id"


def _written(word: str, known: Mapping[str, Arg]) -> tuple[str, Arg]:
    match = _ARGUMENT.fullmatch(word)
    assert match is not None, word
    arg = replace(known[match["name"]], required=bool(match["star"]))
    if match["most"]:
        least, most, default = (int(match[part]) for part in ("least", "most", "default"))
        arg = replace(arg, least=least, most=most, default=default)
    return match["name"], arg


def _pairs(text: str) -> dict[str, str]:
    """Parse `there=here` pairs; a single word stands for both."""
    return {there: here or there for there, _, here in (word.partition("=") for word in text.split())}
