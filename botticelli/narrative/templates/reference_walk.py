"""Walks through a part of the model, whatever kinds of inputs it has, for the references in it. Looks nothing up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from botticelli.narrative.model import Reference

Part = TypeVar("Part")


def references_in(part: Any) -> Iterator[Reference]:
    """Every reference of a part, in the order of its fields."""
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


def mapped(part: Part, change: Callable[[Reference], Reference]) -> Part:
    """The part with every reference changed; what holds none is the same object as before."""
    return _mapped(part, change)  # type: ignore[no-any-return]


def _mapped(part: Any, change: Callable[[Reference], Reference]) -> Any:
    match part:
        case Reference():
            return change(part)
        case BaseModel():
            new = {name: changed for name, value in part if (changed := _mapped(value, change)) is not value}
            return part.model_copy(update=new) if new else part
        case tuple():
            items = tuple(_mapped(value, change) for value in part)
            return part if all(one is old for one, old in zip(items, part, strict=True)) else items
        case dict():
            table = {key: _mapped(value, change) for key, value in part.items()}
            return part if all(table[key] is part[key] for key in part) else table
        case _:
            return part
