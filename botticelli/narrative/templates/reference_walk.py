"""Finds and replaces the references in any part of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from botticelli.narrative.model import Reference

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
