"""Rows become inputs, and nobody reads, takes or changes more of them than is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from botticelli.carousel import Actor, EnqueueRequest, decide
from botticelli.carousel.control.run_control import resume
from botticelli.carousel.enqueuing.from_wire import accept
from botticelli.errors import InvalidInput, NarrativeError
from botticelli.runtime.process import Runtime
from botticelli.store import Query, Tables
from botticelli.store.user_data.row_conditions import Junction, Negation, Test
from tests.support.content import put, rows_of, run, script
from tests.support.narratives import loaded, perform_all, start

MakeRuntime = Callable[..., Runtime]


def test_moments_columns_and_constants_in_where_choose_rows(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "old", "score": 0}, {"title": "new", "score": 2})
    filters = {
        "recent": "generated_at > NOW() - INTERVAL '7 days' AND generated_at <= CURRENT_TIMESTAMP",
        "later": "generated_at > CURRENT_TIMESTAMP + INTERVAL '1 day'",
        "dated": "generated_at >= current_date - 1 AND generated_at > DATE '2026-01-31' - INTERVAL '1 hour'",
        "below": "score < id",
        "none": "1 = 0",
        "all": "1 = 1 AND NOT FALSE",
    }
    tables = "".join(
        f'[tables.{name}]\ntable_name = "posts"\ncolumns = ["title"]\norder_by = "id"\nwhere = "{where}"\n'
        for name, where in filters.items()
    )
    acts = "".join(f'{name} = "tables.{name}"\n' for name in filters)
    status, done = run(runtime, f'[narrative]\nname = "q"\n[acts]\n{acts}\n{tables}')
    assert status == "completed", [act.error for act in done]
    titles = {act.name: [row["title"] for row in json.loads(act.output or "")] for act in done}
    both = ["old", "new"]
    assert titles == {"recent": both, "later": [], "dated": both, "below": ["old"], "none": [], "all": both}


def test_failed_query_that_is_not_required_is_the_input(runtime: Runtime) -> None:
    query = '[tables.t]\ntable_name = "nowhere"\n'
    story = f'[narrative]\nname = "q"\n[acts]\na = "tables.t"\n{query}'
    status, _ = run(runtime, story)
    assert status == "failed"
    status, (act,) = run(runtime, f"{story}required = false\n")
    assert (status, act.status) == ("completed", "done")
    assert "nowhere" in (act.output or "")


def test_rows_are_inputs_in_three_formats(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "a|b", "score": 1}, {"title": 'say "c"', "score": 2}, {"title": "d", "score": 3})
    with runtime.store.transaction() as tx:
        tx.state.set("wanted", "x' or '1'='1")
        tx.state.set("few", ["d", "a|b"])
    tables = """
[tables.all]
table_name = "posts"
columns = ["title", "score"]
where = "score > 1 AND title <> '{state.wanted}'"
order_by = "score desc"
[tables.none]
table_name = "posts"
where = "title = '{state.wanted}'"
[tables.some]
table_name = "botticelli_content.posts"
columns = ["title"]
where = "title IN ({state.few})"
order_by = "title"
format = "markdown"
alias = "recent"
[tables.csv]
table_name = "posts"
columns = ["title"]
limit = 1
offset = 1
order_by = "id"
format = "csv"
[tables.any]
table_name = "posts"
columns = ["score"]
sample = 2
"""
    acts = 'none = "tables.none"\none = ["tables.all", "tables.some", "tables.csv", "Go."]\nany = "tables.any"'
    status, (none, rows, some) = run(runtime, f'[narrative]\nname = "q"\n[acts]\n{acts}\n{tables}')
    assert (status, none.output) == ("completed", "[]")
    assert rows.prompt == (
        '[{"title": "d", "score": 3}, {"title": "say \\"c\\"", "score": 2}]\n\n'
        "recent:\n| title |\n| --- |\n| a\\|b |\n| d |\n\n"
        'title\n"say ""c"""\n\nGo.'
    )
    assert len(json.loads(some.output or "")) == 2


def test_no_other_table_is_read(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(tables__allow='["runs", "public.runs", "narrative_state", "alembic_version"]')
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create table secrets (token text)"))
    for name in ("runs", "public.runs", "narrative_state", "alembic_version", "secrets", "public.secrets"):
        with (
            runtime.store.reading(60) as connection,
            pytest.raises(InvalidInput, match="doesn't exist or may not be read"),
        ):
            Tables(connection, allow=runtime.settings.tables.allow).read(Query(name))
    status, (act,) = run(
        runtime, '[acts]\na = "tables.t"\n[narrative]\nname = "q"\n[tables.t]\ntable_name = "secrets"\n'
    )
    assert status == "failed" and "doesn't exist or may not be read" in str(act.error)


def test_a_query_is_read_only_short_and_run_as_a_role_that_sees_nothing_else(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(tables__allow='["mine"]', tables__timeout_seconds="1")
    put(runtime, "posts", {"title": "a"})
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create view mine as select pg_sleep(600)::text as slow"))
    with runtime.store.reading(60) as connection:
        assert Tables(connection, allow=()).read(Query("posts", ("title",))) == [{"title": "a"}]
        assert connection.execute(text("select current_user")).scalar() == "botticelli_reader"
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("select * from runs"))
    with runtime.store.reading(60) as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.execute(text("create table x ()"))
    status, (act,) = run(runtime, '[narrative]\nname = "q"\n[acts]\na = "tables.t"\n[tables.t]\ntable_name = "mine"\n')
    assert status == "failed" and act.error is not None and "statement timeout" in act.error


def test_conditions_of_every_kind(runtime: Runtime) -> None:
    put(runtime, "posts", *({"title": f"t{number}", "score": number} for number in range(1, 6)), {"title": None})
    cases = {
        Test("score", "=", ("3",)): [3],
        Test("score", "!=", ("3",)): [1, 2, 4, 5],
        Test("score", "<", ("3",)): [1, 2],
        Test("score", ">=", ("4",)): [4, 5],
        Test("score", "in", ("1", "5")): [1, 5],
        Test("score", "between", ("2", "4")): [2, 3, 4],
        Test("title", "like", ("t_",)): [1, 2, 3, 4, 5],
        Test("title", "ilike", ("T1%",)): [1],
        Negation(Test("title", "is_null")): [1, 2, 3, 4, 5],
        Junction((Test("score", "<", ("2",)), Test("score", ">", ("4",))), is_any=True): [1, 5],
        Junction((Test("score", ">", ("1",)), Negation(Test("title", "=", ("t2",))))): [3, 4, 5],
        Test("title", "=", ("x'; drop table runs; --\0%s:y",)): [],
    }
    for where, expected in cases.items():
        with runtime.store.reading(60) as connection:
            query = Query("posts", ("score",), where, order_by=(("score", False),))
            assert [int(row["score"]) for row in Tables(connection, allow=()).read(query)] == expected, where
    for bad in (Test("nope", "=", ("1",)), Test("score", "=", ("many",))):
        with runtime.store.reading(60) as connection, pytest.raises(InvalidInput, match="table posts: "):
            Tables(connection, allow=()).read(Query("posts", (), bad))


PULL = """
[narrative]
name = "pull"
{keys}
[acts]
take = ["tables.t", "Go."]
[tables.t]
table_name = "posts"
columns = ["title"]
order_by = "id"
limit = 2
pull_and_delete = true
"""


def test_rows_are_pulled_once_whatever_happens_to_the_act(runtime: Runtime) -> None:
    put(runtime, "posts", *({"title": f"t{number}"} for number in range(5)))
    started = start(runtime, PULL.format(keys=""))
    driver = script(runtime)
    driver.answers = [" "]
    assert perform_all(runtime, started.id).status == "failed"
    resume(runtime, started.id)
    assert perform_all(runtime, started.id).status == "completed"
    assert [request.messages[-1].text for request in driver.requests] == [
        '[{"title": "t0"}, {"title": "t1"}]\n\nGo.'
    ] * 2
    assert [row["title"] for row in rows_of(runtime, "posts")] == ["t2", "t3", "t4"]
    status, (pulled,) = run(runtime, PULL.format(keys="preserve_source = true"))
    assert status == "completed" and pulled.prompt == '[{"title": "t2"}, {"title": "t3"}]\n\nGo.'
    assert len(rows_of(runtime, "posts")) == 3
    with runtime.store.transaction() as tx:
        (effect,) = tx.effects.of_run(started.id)
    assert (effect.command, effect.status, effect.output) == (
        "pull",
        "done",
        [{"title": "t0"}, {"title": "t1"}],
    )


def test_two_pullers_never_share_a_row(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "a"}, {"title": "b"}, {"title": "c"})
    query = Query("posts", ("title",), order_by=(("id", False),), limit=2)
    with runtime.store.transaction() as first, runtime.store.transaction() as second:
        first_rows = Tables(first.connection, allow=()).pull(query)
        two = Tables(second.connection, allow=()).pull(query)
    assert [row["title"] for row in first_rows + two] == ["a", "b", "c"]
    assert rows_of(runtime, "posts") == []


def test_update_table_changes_what_is_meant_once(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(tables__allow='["orders"]')
    put(runtime, "posts", {"title": "a", "score": 1}, {"title": "b", "score": 1}, {"title": "c", "score": 2})
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create table orders (title text)"))
        tx.state.set("which", "a' or title <> '")
    bot = """
[narrative]
name = "up"
[acts]
one = "bots.none"
two = "bots.some"
[bots.none]
platform = "database"
command = "update_table"
table_name = "posts"
where_clause = "title = '{state.which}'"
updates = { title = "gone" }
[bots.some]
platform = "database"
command = "update_table"
table_name = "TABLE"
where_clause = "score = 1"
limit = 1
updates = { review_status = "approved", rating = 5, title = "{{one.table_name}}'s" }
"""
    status, (none, some) = run(runtime, bot.replace("TABLE", "posts"))
    assert status == "completed" and json.loads(none.output or "")["rows_affected"] == 0
    assert json.loads(some.output or "") == {"rows_affected": 1, "table_name": "posts"}
    changed = [row for row in rows_of(runtime, "posts") if row["review_status"] == "approved"]
    assert [(row["title"], row["rating"]) for row in changed] == [("posts's", 5)]
    status, acts = run(runtime, bot.replace("TABLE", "orders"))
    assert status == "failed" and "may not be changed" in str(acts[-1].error)
    with pytest.raises(NarrativeError, match=r"test.toml:6:1: \[act two\] command: .*a constant such as 1 = 1"):
        start(runtime, bot.replace("TABLE", "posts").replace("score = 1", "1 = 1 or score = 1"))


def test_text_over_the_wire_deletes_no_rows(runtime: Runtime) -> None:
    accept(runtime, EnqueueRequest(run_id="w" * 32), text=PULL.format(keys=""))
    with runtime.store.transaction() as tx:
        rejected = tx.runs.get("w" * 32)
    assert rejected.status == "failed" and "deletes no rows" in str(rejected.reason)
    assert loaded(PULL.format(keys="")).media == {}


def test_a_rehearsal_changes_no_table_and_answers_as_if(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "a"}, {"title": "b"})
    before = rows_of(runtime, "posts")
    update = """[acts.mark]
[[acts.mark.input]]
type = "bot_command"
platform = "database"
command = "update_table"
args = { table_name = "posts", where_clause = "title = 'a'", updates = { title = "z" } }
"""
    narrative = PULL.format(keys="").replace("[tables.t]", f"{update}[tables.t]")
    started = start(runtime, narrative, rehearse=True)
    assert perform_all(runtime, started.id).status == "completed"
    assert rows_of(runtime, "posts") == before
    with runtime.store.transaction() as tx:
        done = {effect.command: effect.output for effect in tx.effects.of_run(started.id)}
    assert done["pull"] == [{"title": "a"}, {"title": "b"}]
    assert done["update_table"] == {"rows_affected": 1, "table_name": "posts"}


MARK = """
[narrative]
name = "mark"
[acts.mark]
[[acts.mark.input]]
type = "bot_command"
platform = "database"
command = "update_table"
args = { table_name = "posts", where_clause = "score = 1", updates = { title = "{state.title}" } }
"""


def test_no_update_changes_more_rows_than_the_cap(runtime: Runtime) -> None:
    put(runtime, "posts", *[{"title": "a", "score": 1}] * 1001)
    with runtime.store.transaction() as tx:
        tx.state.set("global.title", "z")
    status, acts = run(runtime, MARK)
    assert status == "failed"
    assert "it would change 1,001 rows, at most 1,000 are allowed" in str(acts[-1].error)
    assert {row["title"] for row in rows_of(runtime, "posts")} == {"a"}
    status, _ = run(runtime, MARK.replace("updates =", "limit = 1000, updates ="))
    titles = [row["title"] for row in rows_of(runtime, "posts")]
    assert (status, titles.count("z"), titles.count("a")) == ("completed", 1000, 1)


def test_an_update_waits_for_a_person_and_is_done_once(make_runtime: MakeRuntime) -> None:
    """An approval is of the update with the values of that time: another value needs another approval."""
    runtime = make_runtime(security__require_confirmation='["update_table"]')
    put(runtime, "posts", {"title": "a", "score": 1})
    with runtime.store.transaction() as tx:
        tx.state.set("global.title", "z")
    started = start(runtime, MARK)
    assert perform_all(runtime, started.id).status == "paused"
    with runtime.store.transaction() as tx:
        (waiting,) = tx.effects.recent(status="waiting")
        tx.state.set("global.title", "another")
    assert [row["title"] for row in rows_of(runtime, "posts")] == ["a"]
    decide(runtime, waiting.key, "approved", Actor("", "ada@house"))
    assert perform_all(runtime, started.id).status == "paused", "that was about another value"
    assert [row["title"] for row in rows_of(runtime, "posts")] == ["a"]
    with runtime.store.transaction() as tx:
        (again,) = tx.effects.recent(status="waiting")
    assert again.args["updates"] == {"title": "another"}
    decide(runtime, again.key, "approved", Actor("", "ada@house"))
    assert perform_all(runtime, started.id).status == "completed"
    assert [row["title"] for row in rows_of(runtime, "posts")] == ["another"]


def test_prompt_of_only_a_table_without_rows_fails_its_act_unpaid(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "a", "score": 1})
    tables = '[tables.none]\ntable_name = "posts"\nwhere = "1 = 0"\nformat = "markdown"\nalias = "posts"\n'
    with runtime.store.transaction() as tx:
        tx.state.set("nothing", "")
    acts = '[acts]\nsum = ["{state.nothing}", "tables.none"]\n'
    status, (act,) = run(runtime, f'[narrative]\nname = "q"\n{acts}{tables}')
    assert (status, act.status, act.model) == ("failed", "failed", None)
    assert "the prompt is empty" in (act.error or "")
