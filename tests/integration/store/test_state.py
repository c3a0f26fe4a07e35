"""Tests state: values, prefixes, time to live, and the index that keeps look-ups fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import Transaction, escape_segment
from botticelli.store.user_data.state import MAX_KEY_CHARACTERS, check_key, prefix_of_narrative

EXPIRE = text("update narrative_state set expires_at = now() where key = :key")


@pytest.mark.parametrize(
    "value", ["text", 7, 1.5, True, None, [1, "a"], {"id": "1", "metadata": {"deep": [None]}}, "", {}]
)
def test_json_value_is_read_as_it_was_written(runtime: Runtime, value: object) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", value)
        entry = tx.state.get("global.x")
    assert entry is not None
    assert entry.value == value


def test_replaced_entry_keeps_its_creation_date(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1)
        first = tx.state.get("global.x")
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 2, metadata={"by": "test"})
        second = tx.state.get("global.x")
    assert first is not None and second is not None
    assert (second.value, second.metadata) == (2, {"by": "test"})
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


def test_expired_entry_is_invisible_at_once_and_swept_later(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1, ttl_seconds=3600)
        tx.state.set("global.y", 1)
        assert tx.state.get("global.x") is not None
        tx.connection.execute(EXPIRE, {"key": "global.x"})
        assert tx.state.get("global.x") is None
        assert list(tx.state.list_with_prefix("global")) == tx.state.some_keys() == ["global.y"]
        assert tx.state.count_with_prefix("global") == 1
        assert (tx.state.sweep(), tx.state.sweep()) == (1, 0)


def test_deletion_of_an_expired_entry_counts_none(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        for key in ("global.x", "global.y", "global.z"):
            tx.state.set(key, 1)
        tx.connection.execute(EXPIRE, {"key": "global.x"})
        tx.connection.execute(EXPIRE, {"key": "global.y"})
        assert tx.state.delete("global.x") is False
        assert tx.state.clear_with_prefix("global") == 1
        assert tx.state.sweep() == 0


def test_value_lives_for_its_time_to_live(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1, ttl_seconds=86_400)
        entry = tx.state.get("global.x")
        tx.state.set("global.x", 2)
        forever = tx.state.get("global.x")
    assert entry is not None and entry.expires_at is not None
    lives = entry.expires_at - entry.updated_at
    assert abs(lives - timedelta(days=1)) < timedelta(minutes=1)
    assert forever is not None and forever.expires_at is None


def test_if_absent_writes_only_a_free_key(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        assert tx.state.set("global.x", 1, if_absent=True) is True
        assert tx.state.set("global.x", 2, if_absent=True) is False
        assert tx.state.get_many(["global.x"])["global.x"].value == 1
        tx.connection.execute(EXPIRE, {"key": "global.x"})
        assert tx.state.set("global.x", 3, if_absent=True) is True
        assert tx.state.get_many(["global.x"])["global.x"].value == 3


def test_only_the_entry_that_was_read_is_replaced(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", None)
        read = tx.state.get_many(["global.x"])["global.x"]
        assert tx.state.replace_if("global.x", [1], expected_updated_at=read.updated_at, metadata={"by": "me"}) is True
        assert tx.state.replace_if("global.x", [2], expected_updated_at=read.updated_at) is False
        now = tx.state.get_many(["global.x"])["global.x"]
        assert (now.value, now.metadata, now.created_at) == ([1], {"by": "me"}, read.created_at)
        tx.connection.execute(EXPIRE, {"key": "global.x"})
        assert tx.state.replace_if("global.x", [3], expected_updated_at=now.updated_at) is False
        assert tx.state.replace_if("global.missing", 1, expected_updated_at=now.updated_at) is False


def test_date_of_change_grows_when_the_clock_is_set_back(runtime: Runtime) -> None:
    future = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1)
        tx.connection.execute(text("update narrative_state set updated_at = :future"), {"future": future})
        tx.state.set("global.x", 2)
        assert tx.state.get_many(["global.x"])["global.x"].updated_at == future + timedelta(microseconds=1)


def test_import_restores_dates_except_the_date_of_change(runtime: Runtime) -> None:
    born, dies = datetime(2020, 1, 2, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    dates = {"created_at": born.isoformat(), "expires_at": dies.isoformat()}
    entries = [
        {"key": "global.x", "value": None, "metadata": {"by": "me"}, **dates},
        {"key": "global.y", "value": "\0"},
    ]
    with runtime.store.transaction() as tx:
        assert tx.state.load(entries, replace=False).written == 2
        stored = tx.state.list_with_prefix("global")
    x, y = stored["global.x"], stored["global.y"]
    assert (x.value, x.created_at, x.expires_at, x.metadata) == (None, born, dies, {"by": "me"})
    assert x.updated_at > datetime.now(UTC) - timedelta(hours=1)
    assert (y.value, y.expires_at, y.metadata) == ("\ufffd", None, {})


def test_import_leaves_existing_entries_unless_told(runtime: Runtime) -> None:
    entries = [{"key": f"global.{n}", "value": "new", "created_at": "2020-01-01T00:00:00Z"} for n in range(2500)]
    with runtime.store.transaction() as tx:
        for key in ("global.7", "global.2400", "global.8"):
            tx.state.set(key, "old")
        tx.connection.execute(EXPIRE, {"key": "global.8"})
        loaded = tx.state.load(entries, replace=False)
        assert (loaded.written, loaded.expired, loaded.existing) == (2498, 0, ["global.2400", "global.7"])
        assert tx.state.get_many(["global.7"])["global.7"].value == "old"
        assert tx.state.load(entries, replace=True).written == 2500
        assert {entry.value for entry in tx.state.list_with_prefix("global").values()} == {"new"}
        late = [{"key": "global.7", "value": 1, "expires_at": "2020-01-01T00:00:00Z"}]
        assert tx.state.load(late, replace=True).expired == 1
        assert tx.state.get("global.7") is None


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "empty segment"),
        (".a", "empty segment"),
        ("a..b", "empty segment"),
        ("a.", "empty segment"),
        ("a b", "write %20"),
        ("a\x1b[31m", "write %1B"),
        ("a\0", "write %00"),
        ("a\ud800", "write %ED%A0%80"),
        ("{a}", "write %7B"),
        ("a" * (MAX_KEY_CHARACTERS + 1), "use at most 512"),
    ],
)
def test_key_that_no_narrative_can_name_is_refused(runtime: Runtime, key: str, said: str) -> None:
    with runtime.store.transaction() as tx:
        with pytest.raises(InvalidInput, match=said):
            tx.state.set(key, 1)
        with pytest.raises(InvalidInput, match=said):
            tx.state.load([{"key": key, "value": 1}], replace=True)
        assert tx.state.some_keys() == []


def test_prefix_matches_whole_segments_without_wildcards(runtime: Runtime) -> None:
    keys = [
        "discord.1.channel.a",
        "discord.1.channel.b",
        "discord.10.channel.a",
        "discord.1",
        "a%c.x",
        "abc.x",
        "a_c.x",
    ]
    with runtime.store.transaction() as tx:
        for key in keys:
            tx.state.set(key, 1)
        assert list(tx.state.list_with_prefix("discord.1")) == [
            "discord.1",
            "discord.1.channel.a",
            "discord.1.channel.b",
        ]
        assert list(tx.state.list_with_prefix("discord.1.")) == ["discord.1.channel.a", "discord.1.channel.b"]
        assert list(tx.state.list_with_prefix("a%c")) == ["a%c.x"]
        assert list(tx.state.list_with_prefix("a_c")) == ["a_c.x"]
        assert len(tx.state.list_with_prefix("")) == len(keys)
        assert tx.state.clear_with_prefix("discord.1") == 3
        assert tx.state.delete("abc.x") is True
        assert tx.state.delete("abc.x") is False


def test_channel_with_a_dot_does_not_collide(runtime: Runtime) -> None:
    assert escape_segment("a.b") == "a%2Eb"
    assert escape_segment("a%2Eb") == "a%252Eb"


@pytest.mark.parametrize("name", ["a b", "{x}", "\0\ud800\n", "日本語", "👩‍👩‍👧", "x" * 5000, "." * 5000, "%"])
def test_name_makes_a_valid_segment(name: str) -> None:
    segment = escape_segment(name)
    check_key(".".join([segment] * 4))
    assert "." not in segment
    assert segment != escape_segment(name + "x")


def test_empty_prefix_clears_nothing(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1)
        with pytest.raises(InvalidInput, match="all keys"):
            tx.state.clear_with_prefix("")
        assert tx.state.clear_with_prefix() == 0
        assert tx.state.clear_all() == 1


def test_keys_of_a_guild_are_those_of_all_platforms(runtime: Runtime) -> None:
    mine = ["discord.1.channel.a", "discord.1.channel.b", "other.1.role.c"]
    keys = [*mine, "a", "a-b.10.x", "discord", "discord.10.channel.a", "global.1.x", "narrative.1.x", "other.channel.1"]
    with runtime.store.transaction() as tx:
        assert tx.state.prefixes_of_guild("1") == []
        for key in keys:
            tx.state.set(key, 1)
        assert tx.state.prefixes_of_guild("1") == ["a-b.1", "discord.1", "other.1"]
        assert list(tx.state.list_with_prefix(*tx.state.prefixes_of_guild("1"))) == mine
        assert tx.state.prefixes_of_guild("a.b") == ["a-b.a%2Eb", "discord.a%2Eb", "other.a%2Eb"]
        assert tx.state.clear_with_prefix(*tx.state.prefixes_of_guild("1")) == len(mine)


def test_keys_of_a_narrative_match_its_whole_name(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        for key in ("narrative.digest.x", "narrative.digest_2.x", "narrative.digest%2E2.x"):
            tx.state.set(key, 1)
        assert list(tx.state.list_with_prefix(prefix_of_narrative("digest"))) == ["narrative.digest.x"]
        assert list(tx.state.list_with_prefix(prefix_of_narrative("digest.2"))) == ["narrative.digest%2E2.x"]


def test_nearest_keys_come_first(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        for key in ("global.greeting", "global.greetings", "narrative.x.y"):
            tx.state.set(key, 1)
        assert tx.state.nearest_keys("global.greting") == ["global.greeting", "global.greetings"]


@pytest.fixture
def plan_of(runtime: Runtime) -> Callable[[Callable[[Transaction], object]], str]:
    """Return Postgres's plans for the statements of a call, among 100,000 keys under other prefixes."""
    fill = (
        "insert into narrative_state (key, value) select 'other.' || n || '.x', '1' from generate_series(1, 100000) n"
    )
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(fill))
        tx.connection.execute(text("analyze narrative_state"))

    def plan(call: Callable[[Transaction], object]) -> str:
        executed: list[tuple[str, Any]] = []

        def remember(*given: Any) -> None:
            _, _, sql, values, *_ = given
            executed.append((sql, values))

        with runtime.store.transaction() as tx:
            event.listen(tx.connection, "before_cursor_execute", remember)
            call(tx)
            event.remove(tx.connection, "before_cursor_execute", remember)
            plans = [tx.connection.exec_driver_sql(f"explain {sql}", values).scalars() for sql, values in executed]
            return "\n".join(line for lines in plans for line in lines)

    return plan


def test_keys_below_a_prefix_use_the_index(plan_of: Callable[..., str]) -> None:
    for call in (
        lambda tx: tx.state.list_with_prefix("discord.1"),
        lambda tx: tx.state.list_with_prefix("discord.1", "slack_x.1"),
        lambda tx: tx.state.count_with_prefix("a_c.x"),
        lambda tx: tx.state.clear_with_prefix("discord.1"),
        lambda tx: tx.state.prefixes_of_guild("1"),
    ):
        plan = plan_of(call)
        assert "ix_narrative_state_prefix" in plan
        assert "Seq Scan" not in plan
