"""Media that a worker keeps between the acts that send them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from cachetools import LRUCache

from workers.context import media_and_rows
from workers.context.outcomes import ActFailed


class Database:
    """Holds media by hash and counts the reads."""

    def __init__(self, **contents: bytes) -> None:
        self.contents, self.reads = contents, []
        self.runtime = SimpleNamespace(store=self)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        yield SimpleNamespace(media=self)

    def content(self, sha256: str) -> bytes | None:
        self.reads.append(sha256)
        return self.contents.get(sha256)


@pytest.fixture(autouse=True)
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_and_rows, "_contents", LRUCache(4, getsizeof=len))


def read(database: Database, *hashes: str) -> list[bytes]:
    return [media_and_rows._content(database, sha256) for sha256 in hashes]  # type: ignore[arg-type]


def test_medium_is_read_once_until_others_need_its_room() -> None:
    database = Database(a=b"aa", b=b"bb", c=b"cc")
    assert read(database, "a", "b", "a", "c", "a", "b") == [b"aa", b"bb", b"aa", b"cc", b"aa", b"bb"]
    assert database.reads == ["a", "b", "c", "b"]


def test_medium_larger_than_the_cache_is_read_each_time_and_displaces_nothing() -> None:
    database = Database(small=b"s", large=b"12345", empty=b"")
    assert read(database, "small", "empty", "large", "large", "small", "empty") == [
        b"s",
        b"",
        b"12345",
        b"12345",
        b"s",
        b"",
    ]
    assert database.reads == ["small", "empty", "large", "large"]


def test_medium_that_is_gone_fails_its_act() -> None:
    with pytest.raises(ActFailed, match="the medium gone is no longer in the database"):
        read(Database(), "gone")
