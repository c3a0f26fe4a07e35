"""Stores the durable keys and values that narratives read and write."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from botticelli.errors import InvalidInput
from botticelli.store.schema.statements import statement
from botticelli.store.schema.tables import narrative_state as table
from botticelli.untrusted.storable import storable

MAX_KEY_CHARACTERS = 512
MAX_SEGMENT_CHARACTERS = 120
"""Maximum length of an escaped segment; a longer one is cut and ends with a hash, so that every generated key fits."""
NOT_PLATFORMS = ("narrative", "global")
"""First segments of keys that belong to no guild."""
LOADED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class StateEntry:
    """A value (any JSON) with its dates. `updated_at` grows with every change, even if the clock is set back."""

    value: Any
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Result of `load`: how many entries were written, how many of them are expired, and the keys that were skipped."""

    written: int
    expired: int
    existing: Sequence[str]


def check_key(key: str) -> None:
    """Raise InvalidInput unless a narrative can name the key.

    It must have at most 512 characters, no empty segment, and no character that needs escaping.
    """
    where = f"key {key[:60]!r}"
    unsafe = next((character for character in key if not _is_safe(character)), None)
    if unsafe is not None:
        raise InvalidInput(f"no key has the character {unsafe!r}", where=where, do=f"write {_escaped(unsafe)}")
    if not all(key.split(".")):
        raise InvalidInput("it has an empty segment", where=where, do="separate segments with single dots")
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidInput(f"it has {len(key)} characters", where=where, do=f"use at most {MAX_KEY_CHARACTERS}")


def escape_segment(text: str) -> str:
    """Escape a segment of a key, so that a channel called `a.b` can't collide with another key.

    `%`, `.`, braces, white space and unprintable characters become escapes such as `%2E`. A long segment is cut and
    ends with a hash.
    """
    escaped = "".join(
        character if _is_safe(character) and character not in "%." else _escaped(character) for character in text
    )
    if len(escaped) <= MAX_SEGMENT_CHARACTERS:
        return escaped
    return f"{escaped[:100]}%-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def prefix_of_narrative(narrative: str) -> str:
    return f"narrative.{escape_segment(narrative)}"


class StateRepository:
    """Reads and writes state within one transaction. Expired entries are invisible."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> StateEntry | None:
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, StateEntry]:
        """Return the entries of `keys` that exist."""
        return self._read(table.c.key.in_(keys))

    def set(
        self,
        key: str,
        value: Any,
        *,
        ttl_seconds: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        if_absent: bool = False,
    ) -> bool:
        """Create or replace an entry; with `if_absent`, create it only if the key is free, else return False.

        Waits for other transactions that write the key. A replaced entry keeps its `created_at`; an expired one counts
        as absent. Raises InvalidInput for an invalid key.
        """
        check_key(key)
        new = _columns(value, ttl_seconds, metadata)
        born = case((_expired(), func.now()), else_=table.c.created_at)
        created = insert(table).values(key=key, **new, created_at=func.now(), updated_at=func.clock_timestamp())
        written = created.on_conflict_do_update(
            index_elements=[table.c.key],
            set_=new | {"created_at": born, "updated_at": _later()},
            where=_expired() if if_absent else None,
        )
        return self._connection.execute(written.returning(table.c.key)).first() is not None

    def replace_if(
        self,
        key: str,
        value: Any,
        *,
        expected_updated_at: datetime,
        ttl_seconds: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Replace an entry if its `updated_at` is still the expected one.

        False, and nothing written, when it has changed, was deleted or has expired: read it again.
        """
        unchanged = (table.c.key == key, table.c.updated_at == expected_updated_at, ~_expired())
        new = _columns(value, ttl_seconds, metadata) | {"updated_at": _later()}
        return self._connection.execute(update(table).where(*unchanged).values(new)).rowcount > 0

    def load(self, entries: Sequence[Mapping[str, Any]], *, replace: bool) -> LoadResult:
        """Write exported entries with their dates, except that `updated_at` is now; existing ones stay unless `replace`.

        Each key occurs once. An entry has `key` and `value`, and optionally `metadata`, and `created_at` and `expires_at`
        in ISO 8601.
        """
        rows = sorted(entries, key=lambda entry: str(entry["key"]))
        for row in rows:
            check_key(row["key"])
        written: dict[str, bool] = {}
        for start in range(0, len(rows), LOADED_AT_ONCE):
            batch = [storable(dict(row)) for row in rows[start : start + LOADED_AT_ONCE]]
            values = {"entries": json.dumps(batch), "replace": replace}
            written |= {row.key: row.is_expired for row in self._connection.execute(statement("state_load"), values)}
        existing = [row["key"] for row in rows if row["key"] not in written]
        return LoadResult(len(written), sum(written.values()), existing)

    def delete(self, key: str) -> bool:
        """Delete an entry; return whether it existed."""
        return self._remove(table.c.key == key) > 0

    def list_with_prefix(self, *prefixes: str) -> dict[str, StateEntry]:
        """List the entries at or below prefixes, by key.

        A prefix consists of whole segments: `discord.1` matches itself and the keys below it, never `discord.10.x`. With
        a dot at its end it matches only the keys below it; an empty one matches all keys.
        """
        return self._read(_below(prefixes))

    def count_with_prefix(self, *prefixes: str) -> int:
        query = select(func.count()).select_from(table).where(_below(prefixes), ~_expired())
        return self._connection.execute(query).scalar_one()

    def clear_with_prefix(self, *prefixes: str) -> int:
        """Delete the entries at or below prefixes; return how many.

        Raises InvalidInput for an empty prefix: see `clear_all`.
        """
        if "" in prefixes:
            raise InvalidInput("an empty prefix stands for all keys", do="name a prefix, or clear all of them")
        return self._remove(_below(prefixes))

    def clear_all(self) -> int:
        """Delete all entries; return how many."""
        return self._remove(true())

    def prefixes_of_guild(self, guild: str) -> list[str]:
        """List `PLATFORM.GUILD` for each first segment in use, except `narrative` and `global`."""
        segments = self._connection.execute(statement("state_platforms")).scalars()
        return [f"{segment}.{escape_segment(guild)}" for segment in segments if segment not in NOT_PLATFORMS]

    def some_keys(self, limit: int = 10_000) -> list[str]:
        """List keys without their values, for suggestions."""
        query = select(table.c.key).where(~_expired()).order_by(table.c.key).limit(limit)
        return list(self._connection.execute(query).scalars())

    def nearest_keys(self, key: str, limit: int = 3) -> list[str]:
        """List existing keys that are similar to `key`, most similar first."""
        return difflib.get_close_matches(key, self.some_keys(), limit, 0.4)

    def forget_ids(self, platform: str, ids: Sequence[str], *, under: str = "") -> list[str]:
        """Delete the entries of platform objects that no longer exist; return their keys.

        Only keys that begin with `under` are considered.
        """
        values = {"prefix": f"{under}{platform}.", "narrative": f"{under}narrative.", "ids": list(ids)}
        return list(self._connection.execute(statement("forget_ids"), values).scalars())

    def sweep(self) -> int:
        """Delete expired entries; return how many."""
        return self._connection.execute(delete(table).where(_expired())).rowcount

    def _read(self, condition: ColumnElement[bool]) -> dict[str, StateEntry]:
        query = select(table).where(condition, ~_expired()).order_by(table.c.key.collate("C"))
        return {
            row.key: StateEntry(row.value, row.created_at, row.updated_at, row.expires_at, row.metadata)
            for row in self._connection.execute(query)
        }

    def _remove(self, condition: ColumnElement[bool]) -> int:
        """Delete entries, expired ones too; return how many were visible."""
        return sum(self._connection.execute(delete(table).where(condition).returning(~_expired())).scalars())


def _is_safe(character: str) -> bool:
    """Return whether the character may stand in a key and in a reference to it."""
    return character.isprintable() and character not in " {}"


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _columns(value: Any, ttl_seconds: float | None, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns that each write of an entry sets."""
    lifetime = func.make_interval(0, 0, 0, 0, 0, 0, ttl_seconds)
    expires = func.clock_timestamp() + lifetime if ttl_seconds is not None else None
    return {"value": storable(value), "expires_at": expires, "metadata": storable(dict(metadata or {}))}


def _later() -> ColumnElement[datetime]:
    """Compute a later `updated_at` once the row is locked, so that dates follow the order of the commits."""
    return func.greatest(func.clock_timestamp(), table.c.updated_at + timedelta(microseconds=1))


def _expired() -> ColumnElement[bool]:
    return func.coalesce(table.c.expires_at <= func.now(), False)


def _below(prefixes: Sequence[str]) -> ColumnElement[bool]:
    """Select keys at or below one of the prefixes; no prefix selects nothing."""
    if "" in prefixes:
        return true()
    below = (table.c.key.startswith(prefix.rstrip(".") + ".", autoescape=True) for prefix in prefixes)
    return table.c.key.in_(prefixes) | or_(False, *below)
