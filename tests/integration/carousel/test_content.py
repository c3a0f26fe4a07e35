"""Answers become rows, rows become inputs, and nobody reads or changes more than is allowed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from botticelli.carousel import EnqueueOptions, enqueue
from botticelli.carousel.levers import resume
from botticelli.carousel.wire import accept
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.echo import EchoDriver
from botticelli.errors import InvalidInput, NarrativeError
from botticelli.narrative import load_narrative
from botticelli.runtime import Runtime
from botticelli.store import ActRow, NewMedium, NewRow, Origin, Query, Tables
from botticelli.store.content_rows import ContentRows
from botticelli.store.filters import Junction, Negation, Test
from tests.support.narratives import loaded, perform_all, start

MakeRuntime = Callable[..., Runtime]
ORIGIN = Origin("n", "r", "a", None)
POSTS = [
    {"title": "one", "score": 1, "tags": ["x"]},
    {"title": 'it\'s "two" | %s', "score": 2.5, "rating": 4},
    {"title": "three", "score": None, "more": {"a": [1]}},
]


class Scripted(EchoDriver):
    """Answers with the given texts, one after the other, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        self.asked.append(request)
        return GenerateResponse(text=self.answers.pop(0) if self.answers else "fine", usage=Usage(1, 1))

    def url_kinds(self, model: str) -> frozenset[Any]:
        return frozenset()


def script(runtime: Runtime, *answers: str) -> Scripted:
    made = Scripted(*answers)
    runtime.drivers._made["echo"] = made
    return made


def run(runtime: Runtime, narrative: str) -> tuple[str, list[ActRow]]:
    """Status and act rows of the first iteration."""
    started = start(runtime, narrative)
    ended = perform_all(runtime, started.id)
    with runtime.store.transaction() as tx:
        return ended.status, tx.acts.of_iteration(started.id, 1)


def rows_of(runtime: Runtime, name: str) -> list[dict[str, Any]]:
    """The oldest first."""
    with runtime.store.transaction() as tx:
        table = tx.content.get(name)
        assert table is not None
        return list(ContentRows(tx.connection, table).newest(status=None, limit=None))[::-1]


def put(runtime: Runtime, name: str, *rows: dict[str, Any]) -> None:
    columns = {"title": "text", "score": "number"}
    with runtime.store.transaction() as tx:
        tx.content.add(name, [NewRow(row) for row in rows], ORIGIN, template=None, columns=columns)


def generating(keys: str = 'target = "posts"', act: str = 'write = "Write posts."') -> str:
    return f'[narrative]\nname = "gen"\n{keys}\n[acts]\n{act}\n'


def test_json_of_an_answer_becomes_rows(runtime: Runtime) -> None:
    driver = script(
        runtime, f"Here you are:\n```json\n{json.dumps(POSTS)}\n```\nEnjoy!", '{"title": "four", "new key": 1}'
    )
    assert run(runtime, generating())[0] == "completed"
    assert run(runtime, generating())[0] == "completed"
    rows = rows_of(runtime, "posts")
    assert [row["title"] for row in rows] == ["one", POSTS[1]["title"], "three", "four"]
    assert [row["score"] and float(row["score"]) for row in rows] == [1, 2.5, None, None]
    assert (rows[0]["tags"], rows[1]["rating"], rows[2]["more"], rows[3]["new_key"]) == (["x"], 4, {"a": [1]}, 1)
    first = rows[0]
    assert (first["source_narrative"], first["source_act"], first["review_status"]) == ("gen", "write", "pending")
    assert first["generation_model"] == "echo/echo" and first["generated_at"] is not None
    assert driver.asked[0].messages[-1].text == "Write posts."


def test_what_can_not_be_stored_fails_the_act_and_is_paid_once(runtime: Runtime) -> None:
    refused = {
        "There is nothing.": "holds no JSON object",
        '{"a\\"; drop table runs; --": 1}': "can't be a column",
        json.dumps({f"k{number}": 1 for number in range(70)}): "more than 64 columns",
    }
    for answer, reason in refused.items():
        script(runtime, answer)
        status, (act,) = run(runtime, generating())
        assert (status, act.status, act.output_tokens) == ("failed", "failed", 1)
        assert act.error is not None and reason in act.error
    with runtime.store.transaction() as tx:
        assert tx.content.tables() == []
        assert tx.connection.execute(text("select count(*) from ledger where outcome = 'settled'")).scalar() == 3


def test_a_template_is_the_schema_of_the_prompt_and_of_the_table(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(tables__allow='["wanted"]')
    with runtime.store.transaction() as tx:
        tx.connection.execute(
            text("create table wanted (id int, title varchar(9), at timestamptz, n int, ok bool, l text[])")
        )
    answer = {"title": "t", "at": "2026-01-02T03:04:05Z", "n": 7, "ok": True, "l": ["a"], "other": 1, "id": 5}
    driver = script(runtime, json.dumps({"posts": [answer]}), json.dumps(answer | {"n": "many"}))
    keys = 'target = "made"\ntemplate = "wanted"'
    assert run(runtime, generating(keys))[0] == "completed"
    (row,) = rows_of(runtime, "made")
    assert (row["title"], row["n"], row["ok"], row["l"], row["at"].year) == ("t", 7, True, ["a"], 2026)
    assert row["id"] == 1 and "other" not in row
    assert "- title: text\n- at: a time in ISO 8601\n- n: a number" in driver.asked[0].messages[-1].text
    status, (act,) = run(runtime, generating(keys))
    assert status == "failed" and act.error is not None and "invalid input syntax" in act.error
    assert act.status == "failed" and act.output is not None and len(rows_of(runtime, "made")) == 1


def test_only_acts_that_say_so_are_stored(runtime: Runtime) -> None:
    acts = '[acts.a]\nprompt = "x"\nextract_output = true\n[acts.b]\nprompt = "y"\n'
    script(runtime, '{"from": "a"}', "no JSON")
    assert run(runtime, f'[narrative]\nname = "gen"\ntarget = "posts"\n{acts}')[0] == "completed"
    script(runtime, '{"from": "a"}', "no JSON")
    skipped = f'[narrative]\nname = "gen"\ntarget = "posts"\nskip_content_generation = true\n{acts}'
    assert run(runtime, skipped)[0] == "completed"
    assert [row["source_act"] for row in rows_of(runtime, "posts")] == ["a"]


COMPOSED = """
[narrative]
name = "outer"
target = "outer_rows"
preserve_source = true
toc = ["a", "b", "c"]
[acts]
a = "x"
c = "what was that?"
[acts.b]
narrative = "inner"
[narratives.inner]
target = "inner_rows"
toc = ["pick", "write"]
[[narratives.inner.acts.pick.input]]
type = "table"
table_name = "source"
pull_and_delete = true
history_retention = "drop"
[narratives.inner.acts]
write = "y"
"""


def test_a_narrative_within_another_keeps_its_own_rows(runtime: Runtime) -> None:
    put(runtime, "source", {"title": "kept"})
    driver = script(runtime, "no JSON", '{"n": 1}', '{"n": 2}')
    assert run(runtime, COMPOSED)[0] == "completed"
    (inner,), (outer,) = rows_of(runtime, "inner_rows"), rows_of(runtime, "outer_rows")
    assert (inner["source_narrative"], inner["source_act"], inner["n"]) == ("inner", "b.acts.write", 1)
    assert (outer["source_narrative"], outer["source_act"], outer["n"]) == ("outer", "c", 2)
    assert [row["title"] for row in rows_of(runtime, "source")] == ["kept"]
    assert [message.text for message in driver.asked[1].messages] == ["y"]


def test_what_another_narrative_answers_may_be_content(runtime: Runtime) -> None:
    script(runtime, '{"n": 1}')
    inner = '[narratives.inner]\ntoc = ["write"]\nacts.write = "y"\n'
    outer = '[narrative]\nname = "outer"\ntarget = "outer_rows"\ntoc = ["b"]\n[acts.b]\nnarrative = "inner"\n'
    assert run(runtime, outer + inner)[0] == "completed"
    (row,) = rows_of(runtime, "outer_rows")
    assert (row["source_act"], row["n"]) == ("b", 1)


def test_many_writers_make_one_table_and_all_its_columns(runtime: Runtime) -> None:
    def write(number: int) -> None:
        with runtime.store.transaction() as tx:
            columns = {"title": "text", f"own_{number}": "number"}
            tx.content.add(
                "posts", [NewRow({"title": "t", f"own_{number}": 1})], ORIGIN, template=None, columns=columns
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = rows_of(runtime, "posts")
    assert len(rows) == 6 and all(f"own_{number}" in rows[0] for number in range(6))


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
    status, (none, one, some) = run(runtime, f'[narrative]\nname = "q"\n[acts]\n{acts}\n{tables}')
    assert (status, none.output) == ("completed", "[]")
    assert one.prompt == (
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
            pytest.raises(InvalidInput, match="is not there, or may not be read"),
        ):
            Tables(connection, allow=runtime.settings.tables.allow).read(Query(name))
    status, (act,) = run(
        runtime, '[acts]\na = "tables.t"\n[narrative]\nname = "q"\n[tables.t]\ntable_name = "secrets"\n'
    )
    assert status == "failed" and "is not there, or may not be read" in str(act.error)


def test_a_query_is_read_only_short_and_run_as_a_role_that_sees_nothing_else(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(tables__allow='["mine"]', tables__timeout_seconds="0.2")
    put(runtime, "posts", {"title": "a"})
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create view mine as select pg_sleep(5)::text as slow"))
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
    assert [one.messages[-1].text for one in driver.asked] == ['[{"title": "t0"}, {"title": "t1"}]\n\nGo.'] * 2
    assert [row["title"] for row in rows_of(runtime, "posts")] == ["t2", "t3", "t4"]
    status, (kept,) = run(runtime, PULL.format(keys="preserve_source = true"))
    assert status == "completed" and kept.prompt == '[{"title": "t2"}, {"title": "t3"}]\n\nGo.'
    assert len(rows_of(runtime, "posts")) == 3
    with runtime.store.transaction() as tx:
        (effect,) = tx.effects.of_run(started.id)
    assert (effect["command"], effect["status"], effect["output"]) == (
        "pull",
        "done",
        [{"title": "t0"}, {"title": "t1"}],
    )


def test_two_pullers_never_share_a_row(runtime: Runtime) -> None:
    put(runtime, "posts", {"title": "a"}, {"title": "b"}, {"title": "c"})
    query = Query("posts", ("title",), order_by=(("id", False),), limit=2)
    with runtime.store.transaction() as first, runtime.store.transaction() as second:
        one = Tables(first.connection, allow=()).pull(query)
        two = Tables(second.connection, allow=()).pull(query)
    assert [row["title"] for row in one + two] == ["a", "b", "c"]
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
    with pytest.raises(NarrativeError, match=r"test.toml:6:1: \[act two\] command: .* is no column"):
        start(runtime, bot.replace("TABLE", "posts").replace("score = 1", "1 = 1 or score = 1"))


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOOK = """
[narrative]
name = "look"
[narrative.carousel]
iterations = 2
[acts]
see = ["media.dot", "What is it?"]
again = ["media.dot", "And now?"]
[media.dot]
file = "dot.png"
"""


def test_media_travel_with_the_run_and_go_when_nobody_needs_them(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "look.toml"
    file.write_text(LOOK, encoding="utf-8")
    (tmp_path / "dot.png").write_bytes(PNG)
    runs = [enqueue(runtime, load_narrative(file), str(file), EnqueueOptions()).run for _ in range(2)]
    (tmp_path / "dot.png").unlink()
    driver = script(runtime)
    assert [perform_all(runtime, one.id).status for one in runs] == ["completed", "completed"]
    media = [one.media for request in driver.asked for one in request.messages]
    sent = [one for some in media for one in some]
    assert {(one.kind, one.mime, one.data, one.filename) for one in sent} == {("image", "image/png", PNG, "dot.png")}
    assert len(sent) == 8
    with runtime.store.transaction() as tx:
        count = text("select count(*), (select count(*) from run_media) from media")
        assert tuple(tx.connection.execute(count).one()) == (1, 2)
        tx.media.share(runs[0].id, runs[1].id)
        tx.connection.execute(text("update media set created_at = now() - interval '2 hours'"))
        tx.connection.execute(text("delete from runs where id = :id"), {"id": runs[0].id})
        assert tx.media.sweep() == 0
        tx.connection.execute(text("delete from runs"))
        assert tx.media.sweep() == 1


def test_a_medium_that_is_attached_again_is_not_swept_away(runtime: Runtime) -> None:
    first = start(runtime, generating())
    with runtime.store.transaction() as tx:
        tx.media.attach(first.id, {"abc": NewMedium("text/plain", b"x")})
        tx.connection.execute(text("delete from run_media"))
        tx.connection.execute(text("update media set created_at = now() - interval '2 hours'"))
        tx.media.attach(first.id, {"abc": NewMedium("text/plain", b"x")})
        assert tx.media.sweep() == 0
        assert tx.media.content("abc") == b"x"


def test_media_that_nobody_takes_are_refused_at_enqueue(runtime: Runtime) -> None:
    driver = script(runtime)
    driver.media_kinds = lambda model: frozenset({"audio"})  # type: ignore[method-assign,assignment]
    look = '[narrative]\nname = "l"\n[acts]\na = ["media.m", "x"]\n[media.m]\nurl = "https://{state.host}/a.png"\n'
    with pytest.raises(NarrativeError, match=r"test.toml:4:1: \[act a\] image: echo/echo takes no image inputs"):
        start(runtime, look)
    script(runtime)
    with pytest.raises(NarrativeError, match=r"10.0.0.1 is no public address"):
        start(runtime, look.replace("{state.host}", "10.0.0.1"))
    with runtime.store.transaction() as tx:
        tx.state.set("host", "127.0.0.1")
    status, (act,) = run(runtime, look)
    assert status == "failed" and "127.0.0.1 is no public address" in str(act.error)


def test_text_over_the_wire_deletes_no_rows(runtime: Runtime) -> None:
    accept(runtime, EnqueueOptions(run_id="w" * 32), text=PULL.format(keys=""))
    with runtime.store.transaction() as tx:
        rejected = tx.runs.get("w" * 32)
    assert rejected.status == "failed" and "deletes no rows" in str(rejected.reason)
    assert loaded(PULL.format(keys="")).media == {}
