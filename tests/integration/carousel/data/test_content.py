"""Answers become rows: which ones, of which shape, in whose table, and what can not be stored."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from sqlalchemy import text

from botticelli.runtime.process import Runtime
from botticelli.store import NewRow
from tests.support.content import ORIGIN, generating, put, rows_of, run, script

MakeRuntime = Callable[..., Runtime]
POSTS = [
    {"title": "one", "score": 1, "tags": ["x"]},
    {"title": 'it\'s "two" | %s', "score": 2.5, "rating": 4},
    {"title": "three", "score": None, "more": {"a": [1]}},
]


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
    assert driver.requests[0].messages[-1].text == "Write posts."


def test_content_that_cannot_be_stored_fails_the_act_and_is_paid_once(runtime: Runtime) -> None:
    refused = {
        "There is nothing.": "holds no JSON object",
        '{"a\\"; drop table runs; --": 1}': "not a valid column name",
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
    assert "- title: text\n- at: a time in ISO 8601\n- n: a number" in driver.requests[0].messages[-1].text
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
    assert [message.text for message in driver.requests[1].messages] == ["y"]


def test_answer_of_another_narrative_may_be_content(runtime: Runtime) -> None:
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
