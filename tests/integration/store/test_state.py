"""State: values, prefixes, time to live, and the index that keeps look-ups fast."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from botticelli.runtime import Runtime
from botticelli.store import escape_segment


@pytest.mark.parametrize(
    "value", ["text", 7, 1.5, True, None, [1, "a"], {"id": "1", "metadata": {"deep": [None]}}, "", {}]
)
def test_any_json_comes_back_as_it_went_in(runtime: Runtime, value: object) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", value)
        entry = tx.state.get("global.x")
    assert entry is not None
    assert entry.value == value


def test_a_replaced_entry_keeps_the_date_of_its_birth(runtime: Runtime) -> None:
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


def test_what_has_expired_is_invisible_at_once_and_swept_later(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.x", 1, ttl_seconds=3600)
        tx.state.set("global.y", 1)
        assert tx.state.get("global.x") is not None
        tx.connection.execute(text("update narrative_state set expires_at = now() where key = 'global.x'"))
        assert tx.state.get("global.x") is None
        assert list(tx.state.list_with_prefix("global")) == ["global.y"]
        assert (tx.state.sweep(), tx.state.sweep()) == (1, 0)


def test_prefixes_are_whole_segments_and_know_no_wildcard(runtime: Runtime) -> None:
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


def test_a_channel_called_a_b_does_not_collide(runtime: Runtime) -> None:
    assert escape_segment("a.b") != "a.b"
    assert escape_segment("a%2Eb") != escape_segment("a.b")


def test_a_prefix_is_found_by_the_index(runtime: Runtime) -> None:
    fill = "insert into narrative_state (key, value) select 'other.' || n, '1' from generate_series(1, 20000) n"
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(fill))
        tx.connection.execute(text("analyze narrative_state"))
        query = "explain select * from narrative_state where key = 'discord.1' or key like 'discord.1.%' escape '/'"
        plan = "\n".join(tx.connection.execute(text(query)).scalars())
    assert "ix_narrative_state_prefix" in plan
    assert "Seq Scan" not in plan
