"""Finds and replaces references: those of any part of the model, and all of a whole narrative, for its checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from botticelli.narrative.model import Act, Narrative, Reference, TableInput, Template

Part = TypeVar("Part")


def references_in(part: Any) -> Iterator[Reference]:
    """Yield every reference of a part, in the order of its fields."""
    match part:
        case Reference():
            yield part
        case BaseModel():
            for _, value in part:
                yield from references_in(value)
        case tuple() | list():
            for value in part:
                yield from references_in(value)
        case dict():
            for value in part.values():
                yield from references_in(value)


def map_references(part: Part, change: Callable[[Reference], Reference]) -> Part:
    """Return the part with every reference changed; parts without references stay the same objects."""
    return _map_references(part, change)  # type: ignore[no-any-return]


def _map_references(part: Any, change: Callable[[Reference], Reference]) -> Any:
    match part:
        case Reference():
            return change(part)
        case BaseModel():
            new = {name: changed for name, value in part if (changed := _map_references(value, change)) is not value}
            return part.model_copy(update=new) if new else part
        case tuple():
            items = tuple(_map_references(value, change) for value in part)
            return part if all(new is old for new, old in zip(items, part, strict=True)) else items
        case dict():
            table = {key: _map_references(value, change) for key, value in part.items()}
            return part if all(table[key] is part[key] for key in part) else table
        case _:
            return part


def references(narrative: Narrative) -> Iterator[Reference]:
    """Yield every reference of a narrative in order, repeated ones as often as they are written."""
    if narrative.system is not None:
        yield from narrative.system.references
    yield from _references_of_rows(narrative)
    for act in narrative.acts:
        yield from _references_of(act)


def missing_variables(narrative: Narrative, given: Collection[str] = ()) -> list[str]:
    """Return the names of `{var.NAME}` that are not `given` and have no default, in the order of their first use."""
    missing: dict[str, None] = {}
    own = {*given, *narrative.variables}
    of_rows = (reference.name for reference in _references_of_rows(narrative) if reference.kind == "var")
    missing |= dict.fromkeys(name for name in of_rows if name not in own)
    for act in narrative.acts:
        known = {*given, *narrative.variables, *(act.scope.variables if act.scope else ())}
        named = (*_references_of(act), *(narrative.system.references if narrative.system and not act.scope else ()))
        variables = (reference.name for reference in named if reference.kind == "var")
        missing |= dict.fromkeys(name for name in variables if name not in known)
    return list(missing)


def literal_guilds(narrative: Narrative) -> list[str]:
    """Return the ids of the guilds that its commands name literally, without a reference; each once, sorted."""
    commands = (input_ for act in narrative.acts for input_ in act.inputs if input_.type == "bot_command")
    named = (command.args.get("guild_id") for command in commands)
    literal = (guild for guild in named if isinstance(guild, Template) and not guild.references)
    return sorted({"".join(str(part) for part in guild.parts) for guild in literal})


def _references_of_rows(narrative: Narrative) -> Iterator[Reference]:
    """Yield the references in the query of the rows that the narrative goes through."""
    foreach = narrative.carousel.foreach if narrative.carousel else None
    if foreach is not None and foreach.table is not None:
        yield from references_in(TableInput.model_validate(foreach.table))


def _references_of(act: Act) -> Iterator[Reference]:
    yield from references_in(act.skip_if)
    yield from references_in(act.system)
    yield from references_in(act.inputs)
    yield from references_in(act.foreach)
