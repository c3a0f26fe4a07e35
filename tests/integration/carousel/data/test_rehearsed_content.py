"""Rows that rehearsals generate: kept, marked, and never taken for content."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import Query, Tables
from botticelli.store.user_data.content_rows import ContentRows
from botticelli.store.user_data.row_conditions import Test
from botticelli.testing.discord import GUILD
from tests.support.commands import act
from tests.support.content import generating, rows_of, run, script

READING_VERBS = """
[narrative]
name = "reads"
[acts.look]
model = "echo/echo"
[[acts.look.input]]
type = "table"
table_name = "posts"
columns = ["title"]
format = "json"
[[acts.look.input]]
type = "text"
content = "Choose."
"""


@pytest.fixture
def both(runtime: Runtime) -> Runtime:
    """A table with a real row and a rehearsed one, both waiting for whoever looks."""
    script(runtime, *(json.dumps({"title": title, "score": 1}) for title in ("real", "rehearsed")))
    assert run(runtime, generating())[0] == "completed"
    assert run(runtime, generating(), rehearse=True)[0] == "completed"
    return runtime


def titles(rows: list[dict[str, object]]) -> list[object]:
    return [row["title"] for row in rows]


def test_rehearsed_row_has_a_status_of_its_own_and_is_in_no_listing(both: Runtime) -> None:
    assert titles(rows_of(both, "posts")) == ["real"]
    assert titles(rows_of(both, "posts", "pending")) == ["real"]
    assert titles(rows_of(both, "posts", "rehearsed")) == ["rehearsed"]


def test_rehearsed_row_is_not_reviewed(both: Runtime) -> None:
    (row,) = rows_of(both, "posts", "rehearsed")
    with both.store.transaction() as tx:
        table = tx.content.get("posts")
        assert table is not None
        with pytest.raises(InvalidInput, match="generated in a rehearsal"):
            ContentRows(tx.connection, table).review(row["id"], status="approved", rating=None, tags=())
    assert titles(rows_of(both, "posts", "approved")) == []


@pytest.mark.parametrize(("rehearse", "seen"), [(False, ["real"]), (True, ["real", "rehearsed"])])
def test_table_query_of_a_real_run_returns_no_rehearsed_row(both: Runtime, rehearse: bool, seen: list[str]) -> None:
    driver = script(both, "fine")
    assert run(both, READING_VERBS, rehearse=rehearse)[0] == "completed"
    prompt = "".join(message.text for message in driver.requests[0].messages)
    assert [title for title in ("real", "rehearsed") if f'"{title}"' in prompt] == seen


def test_samples_pulls_and_updates_pass_over_rehearsed_rows(both: Runtime) -> None:
    every = Test("score", "=", ("1",))
    with both.store.transaction() as tx:
        tables = Tables(tx.connection, allow=())
        assert titles(tables.read(Query("posts", ("title",), sample=5))) == ["real"]
    with both.store.transaction() as tx:
        assert Tables(tx.connection, allow=()).change("posts", every, {"title": "changed"}, None) == 1
        assert Tables(tx.connection, allow=()).change("posts", every, {"title": "changed"}, 5) == 1
    with both.store.transaction() as tx:
        assert titles(Tables(tx.connection, allow=()).pull(Query("posts", ("title",)))) == ["changed"]
    assert titles(rows_of(both, "posts", "rehearsed")) == ["rehearsed"]


@pytest.mark.parametrize(("implementation", "status"), [("echo", "rehearsed"), ("discord", "pending")])
def test_content_of_a_run_whose_platform_rehearses_by_settings_is_rehearsed(
    make_runtime: Callable[..., Runtime], implementation: str, status: str
) -> None:
    runtime = make_runtime(platforms__discord__implementation=implementation)
    script(runtime, json.dumps({"title": "offline", "score": 1}))
    command = act("made", "channels.create", guild_id=GUILD, name="news") if implementation == "echo" else ""
    assert run(runtime, generating() + command)[0] == "completed"
    assert titles(rows_of(runtime, "posts", status)) == ["offline"]
