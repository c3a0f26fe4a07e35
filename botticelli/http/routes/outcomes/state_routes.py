"""Lists, reads, writes, exports and clears the state of narratives. It belongs to no tenant."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from botticelli.errors import InvalidInput, NotFound
from botticelli.http.access.doors import Admin, Reader
from botticelli.http.wire.checked_route import CheckedRoute
from botticelli.http.wire.problem_answers import Problem
from botticelli.http.wire.views import STRICT, Body, Cursor, Limit, page_by_name, page_of, shown
from botticelli.store import StateEntry, Transaction
from botticelli.store.user_data.state import check_key, prefix_of_narrative
from botticelli.store.user_data.state_file import entries_in

router = APIRouter(route_class=CheckedRoute, tags=["state"])
Key = Annotated[str, Path(max_length=1000, description="A whole key, such as narrative.digest.topic.")]
Prefix = Annotated[str | None, Query(max_length=1000, description="This key, and all keys below it.")]
Guild = Annotated[str | None, Query(min_length=1, max_length=100)]
Narrative = Annotated[str | None, Query(min_length=1, max_length=300)]


class StateView(BaseModel):
    """A key with its value."""

    model_config = STRICT
    key: str
    value: Any
    created_at: str
    updated_at: str
    expires_at: str | None
    metadata: dict[str, Any]


StatePage = page_of(StateView)


class SetBody(Body):
    """A value: any JSON."""

    value: Annotated[Any, Field(examples=["tides"])]
    ttl_seconds: Annotated[int | None, Field(ge=1, le=10**9)] = None
    if_absent: Annotated[bool, Field(description="Refuse with 409 when the key exists.")] = False


class ClearBody(Body):
    """Which keys are deleted: of a prefix, a guild or a narrative, or all."""

    prefix: Annotated[str | None, Field(max_length=1000)] = None
    guild: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    narrative: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    all: bool = False


class ImportBody(Body):
    """The text of an export: one JSON object per line."""

    lines: Annotated[str, Field(max_length=900_000)]
    replace: bool = False


class Count(BaseModel):
    """How many keys it was."""

    model_config = STRICT
    keys: int


@router.get("/v1/state", response_model=StatePage)
def list_state(
    door: Reader,
    *,
    prefix: Prefix = None,
    guild: Guild = None,
    narrative: Narrative = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List keys and values, sorted by key; all pages together are what `state export` writes."""
    door.require_no_tenant()
    with door.runtime.store.transaction() as tx:
        entries = tx.state.list_with_prefix(*_prefixes(tx, prefix, guild, narrative))
    items = [_view(key, entry) for key, entry in entries.items()]
    return page_by_name(items, limit, cursor, lambda item: str(item["key"]))


@router.get("/v1/state/{key}", response_model=StateView)
def get_state(key: Key, door: Reader) -> Any:
    """Show the value of a key."""
    door.require_no_tenant()
    check_key(key)
    with door.runtime.store.transaction() as tx:
        entry = tx.state.get(key)
        if entry is None:
            near = ", ".join(tx.state.nearest_keys(key))
            raise NotFound(f"state has no key {key!r}", do=f"near: {near}" if near else "see /v1/state")
    return _view(key, entry)


@router.put("/v1/state/{key}", response_model=StateView)
def set_state(key: Key, door: Admin, body: SetBody) -> Any:
    """Create or replace a key."""
    check_key(key)
    with door.runtime.store.transaction() as tx:
        metadata = {"by": f"http {door.identity.name}"}
        if not tx.state.set(key, body.value, ttl_seconds=body.ttl_seconds, metadata=metadata, if_absent=body.if_absent):
            raise Problem(409, "", f"the key {key!r} already exists")
        return _view(key, tx.state.get_many([key])[key])


@router.delete("/v1/state/{key}", status_code=204)
def delete_state(key: Key, door: Admin) -> Response:
    """Delete a key."""
    check_key(key)
    with door.runtime.store.transaction() as tx:
        if not tx.state.delete(key):
            raise NotFound(f"state has no key {key!r}", do="see /v1/state")
    return Response(status_code=204)


@router.post("/v1/state:clear", response_model=Count)
def clear_state(door: Admin, body: ClearBody) -> Any:
    """Delete the keys of a prefix, a guild or a narrative, or all keys."""
    is_scoped = any(value is not None for value in (body.prefix, body.guild, body.narrative))
    if is_scoped == body.all:
        raise InvalidInput("say which keys are deleted", do="give one of prefix, guild, narrative and all")
    with door.runtime.store.transaction() as tx:
        prefixes = [] if body.all else _prefixes(tx, body.prefix, body.guild, body.narrative)
        cleared = tx.state.clear_all() if body.all else tx.state.clear_with_prefix(*prefixes)
    return {"keys": cleared}


@router.post("/v1/state:import", response_model=Count)
def import_state(door: Admin, body: ImportBody) -> Any:
    """Import the keys of an export: all of them, or none."""
    entries = entries_in(body.lines.encode(), "lines")
    with door.runtime.store.transaction() as tx:
        loaded = tx.state.load(entries, replace=body.replace)
        if loaded.existing:
            raise Problem(409, "", f"nothing imported: {', '.join(loaded.existing[:3])} exist already")
    return {"keys": loaded.written}


def _prefixes(tx: Transaction, prefix: str | None, guild: str | None, narrative: str | None) -> list[str]:
    if sum(value is not None for value in (prefix, guild, narrative)) > 1:
        raise InvalidInput("prefix, guild and narrative exclude each other", do="give one of them")
    if guild is not None:
        return tx.state.prefixes_of_guild(guild)
    if narrative is not None:
        return [prefix_of_narrative(narrative)]
    if prefix:
        check_key(prefix.removesuffix("."))
    return [prefix or ""]


def _view(key: str, entry: StateEntry) -> dict[str, Any]:
    return {"key": key, **shown(entry)}
