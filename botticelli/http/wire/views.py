"""Makes the models of answers from the values of the engine, so that both have the same fields, and pages of them."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, create_model

from botticelli.http.wire.cursors import decoded, encoded
from botticelli.telemetry.plain_values import plain

STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)
OPEN = ConfigDict(extra="allow")
"""For answers with fields of the engine that are not listed here."""
Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has at most.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next` of the page before; leave it out for the first page.")
]


class Body(BaseModel):
    """A body of a request: unknown fields are refused, and values of other types, such as true for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False)


@cache
def view_of(kind: type, name: str, *leaves_out: str) -> type[BaseModel]:
    """Return the model of a dataclass of the engine, without some fields. Decimals become numbers."""
    hints = get_type_hints(kind)
    shown = [field.name for field in fields(kind) if field.name not in leaves_out]
    about = (kind.__doc__ or name).strip().split("\n\n")[0]
    definitions: dict[str, Any] = {field: (_plain_type(hints[field]), ...) for field in shown}
    return create_model(name, __config__=STRICT, __doc__=about, **definitions)


def _plain_type(hint: Any) -> Any:
    """Return the type that a value has as JSON."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Decimal:
        return float
    if is_dataclass(hint) and isinstance(hint, type):
        return view_of(hint, hint.__name__)
    if is_dataclass(origin) and isinstance(origin, type):
        return _generic_view(origin, arguments)
    if origin in (Union, types.UnionType):
        return Union[tuple(_plain_type(argument) for argument in arguments)]  # noqa: UP007 (made at run time)
    if origin is Literal or not arguments:
        return hint
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, _plain_type(arguments[1])]  # type: ignore[misc]
    return list[_plain_type(arguments[0])]  # type: ignore[misc]


@cache
def _generic_view(kind: type, arguments: tuple[Any, ...]) -> type[BaseModel]:
    """Return the model of a generic dataclass with these types."""
    types_by_name = dict(zip(kind.__parameters__, map(_plain_type, arguments), strict=True))  # type: ignore[attr-defined]
    hints = get_type_hints(kind)
    name = kind.__name__ + "Of" + "".join(argument.__name__.capitalize() for argument in types_by_name.values())
    definitions: dict[str, Any] = {
        field.name: (types_by_name.get(hints[field.name]) or _plain_type(hints[field.name]), ...)
        for field in fields(kind)
    }
    return create_model(name, __config__=STRICT, **definitions)


@cache
def page_of(item: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a page of items."""
    name = f"{item.__name__.removesuffix('View').removesuffix('Model')}Page"
    about = "A page of a list."
    following = Field(description="The cursor of the next page; null when this is the last one.", examples=[None])
    return create_model(name, __config__=STRICT, __doc__=about, items=(list[item], ...), next=(str | None, following))  # type: ignore[valid-type]


def page(items: Sequence[Any], limit: int, position: Callable[[Any], Sequence[Any]]) -> dict[str, Any]:
    """Return a page from up to `limit` + 1 items; the next page begins after the `position` of the last that it has."""
    shown = list(items[:limit])
    following = encoded(position(shown[-1])) if len(items) > limit else None
    return {"items": [plain(item) for item in shown], "next": following}


def page_by_name(items: Sequence[Any], limit: int, cursor: str | None, name: Callable[[Any], str]) -> dict[str, Any]:
    """Return a page of a whole list, sorted by name."""
    after = decoded(cursor, str)[0] if cursor else ""
    later = [item for item in sorted(items, key=name) if name(item) > after or not cursor]
    return page(later, limit, lambda item: [name(item)])


def shown(value: Any) -> Any:
    """Return a value of the engine as JSON; for a dataclass a new dict, which a route may add fields to."""
    return plain(value)
