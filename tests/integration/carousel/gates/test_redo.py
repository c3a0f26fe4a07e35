"""Gates that judge an earlier act have everything from it on performed again, and keep nothing that is not accepted."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, enqueue, resume
from botticelli.errors import NarrativeError
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from tests.support.content import Scripted, rows_of, script
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, start
from tests.support.promises import violations
from workers.executor import act
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]
LOOP = """
[acts.facts]
prompt = "Facts."
[acts.draft]
prompt = "Draft with {act.facts.output}"
output_var = "draft"
[acts.polish]
prompt = "Polish {act.draft.output}"
[acts.judge]
prompt = "Score {act.polish.output}"
format = "json"
accept_if = "{act.judge.output.score} >= 4"
redo = "draft"
attempts = 2
"""
POSTS = """
[acts.draft]
prompt = "Write a post as JSON."
format = "json"
extract_output = true
unique = { column = "content.posts.body", within = "90d", threshold = 0.6 }
attempts = 2
"""


def performed(runtime: Runtime, acts: str, *answers: str, target: str = "") -> tuple[Scripted, Run, list[ActRow]]:
    driver = script(runtime, *answers)
    narrative = narrative_text(1, acts).replace("[narrative]", f'[narrative]\ntarget = "{target}"', bool(target))
    run = perform_all(runtime, start(runtime, narrative).id)
    return driver, run, attempts_of(runtime, run)


def attempts_of(runtime: Runtime, run: Run, number: int = 1) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run.id, number, rejected=True)


def summary(rows: list[ActRow]) -> list[tuple[str, int, str, str | None]]:
    return [(row.name, row.attempt, row.status, row.output) for row in rows]


def test_judge_that_does_not_accept_has_the_draft_made_again_with_its_answer_as_a_reason(runtime: Runtime) -> None:
    low, high = '{"score": 2, "why": "too {var.dull}"}', '{"score": "4.5"}'
    driver, run, rows = performed(runtime, LOOP, "facts", "d1", "p1", low, "d2", "p2", high)
    assert run.status == "completed"
    assert summary(rows) == [
        ("facts", 1, "done", "facts"),
        ("draft", 1, "rejected", "d1"),
        ("draft", 2, "done", "d2"),
        ("polish", 1, "rejected", "p1"),
        ("polish", 2, "done", "p2"),
        ("judge", 1, "rejected", low),
        ("judge", 2, "done", high),
    ]
    again = driver.requests[4].messages
    assert again[-2].text == "d1"
    assert '- {act.judge.output.score} is "2"; it must be >= 4' in again[-1].text
    assert f'- the answer of judge: "{low}"' in again[-1].text
    assert [message.text for message in driver.requests[5].messages][-1] == "Polish d2"
    assert [message.text for message in driver.requests[6].messages][-1] == "Score p2"
    assert violations(runtime, run.id, calls_lost=0) == []
    with runtime.store.transaction() as tx:
        entry = tx.state.get("narrative.test.draft")
    assert entry is not None and entry.value == "d2"


def test_ticket_holds_all_rounds(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers__echo='{"default_tier": "t", "tiers": {"t": {"rpm": 9}}}')
    start(runtime, narrative_text(1, LOOP.replace("attempts = 2", "attempts = 2\nchecks = { min_chars = 1 }")))
    scope = runtime.scopes.model_budget(runtime.drivers.resolve("echo/echo")).scope
    assert runtime.budget.usage(scope).held.requests == 1 + 3 * 2


def test_content_and_state_of_a_draft_are_kept_only_when_the_judge_accepts(runtime: Runtime) -> None:
    acts = LOOP.replace('output_var = "draft"', 'output_var = "draft"\nextract_output = true')
    answers = ["facts", '{"body": "a"}', "p", '{"score": 1}', '{"body": "b"}', "p", '{"score": 3}']
    _, run, _ = performed(runtime, acts, *answers, target="posts")
    assert run.status == "failed"
    with runtime.store.transaction() as tx:
        assert (tx.content.get("posts"), tx.state.get("narrative.test.draft")) == (None, None)
    resume(runtime, run.id)
    script(runtime, '{"score": 5}')
    assert perform_all(runtime, run.id).status == "completed"
    assert [(row["body"], row["source_act"]) for row in rows_of(runtime, "posts")] == [("b", "draft")]


def test_judge_for_review_flags_the_content_of_the_draft(runtime: Runtime) -> None:
    acts = LOOP.replace('output_var = "draft"', "extract_output = true").replace(
        "attempts = 2", 'attempts = 1\notherwise = "review"'
    )
    performed(runtime, acts, "facts", '{"body": "a"}', "p", '{"score": 1}', target="posts")
    assert [(row["body"], row["review_status"]) for row in rows_of(runtime, "posts")] == [("a", "flagged")]


def test_own_answer_may_be_judged_by_what_it_says(runtime: Runtime) -> None:
    acts = '[acts.draft]\nprompt = "Write."\nformat = "json"\naccept_if = "{act.draft.output.sure} == yes"'
    _, run, rows = performed(runtime, acts, '{"sure": "no"}', "{}", '{"sure": "yes"}')
    assert (run.status, [row.status for row in rows]) == ("completed", ["rejected", "rejected", "done"])
    assert rows[1].error == "{act.draft.output.sure} has no value; it must be 'yes'"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('redo = "draft"', 'redo = "darft"', "there is no act darft"),
        ("[acts.polish]\n", "[acts.polish]\ncarousel = { iterations = 2 }\n", "act polish can't be performed again"),
        ("[acts.polish]\n", '[acts.polish]\nneeds = ["draft"]\n', "acts with needs have no order to go back in"),
        ('>= 4"', '=> 4"', "is not a condition"),
        ("{act.judge.output.score}", "{act.later.output.score}", "there is no act later"),
    ],
)
def test_loop_that_cannot_be_performed_is_a_problem(before: str, after: str, message: str) -> None:
    with pytest.raises(NarrativeError, match=message):
        loaded(narrative_text(1, LOOP.replace(before, after)))


def test_effect_that_would_be_repeated_is_refused_when_the_run_is_enqueued(runtime: Runtime) -> None:
    send = '[acts.polish]\ninput = [{ type = "bot_command", platform = "echo", command = "messages.send" }]\n'
    with pytest.raises(NarrativeError, match="a gate may have this act performed again"):
        start(runtime, narrative_text(1, LOOP.replace("[acts.polish]\n", send)))


def test_copies_among_a_hundred_posts_are_stopped_and_hardly_anything_else(runtime: Runtime) -> None:
    """16 copies in other words, each some time after the post that it repeats; what fails here is what was stopped."""
    data = tomllib.loads((Path(__file__).parent / "near_copies.toml").read_text())
    texts = dict(enumerate(data["posts"])) | {copy["of"] + 0.5 + 12: copy["text"] for copy in data["copies"]}
    order = sorted(texts)
    script(runtime, *(json.dumps({"body": texts[place]}) for place in order))
    acts = POSTS.replace("attempts = 2", "attempts = 1")
    narrative = narrative_text(len(order), acts, continue_on_error=True)
    run = perform_all(runtime, start(runtime, narrative.replace("[narrative]", '[narrative]\ntarget = "posts"', 1)).id)
    with runtime.store.transaction() as tx:
        failed = [each.number for each in tx.iterations.of_run(run.id) if each.status == "failed"]
    stopped = [order[number - 1] for number in failed]
    copies = [place for place in stopped if place % 1]
    assert len(order) == 100
    assert len(copies) >= 14
    assert len(stopped) - len(copies) <= 2


def test_near_copy_of_a_stored_text_is_named_in_the_next_attempt(runtime: Runtime) -> None:
    first = '{"body": "Our lemon tart is back on Saturday, come early."}'
    copy = '{"body": "Come early: on Saturday our lemon tart is back!"}'
    other = '{"body": "Winter opening hours begin tomorrow."}'
    performed(runtime, POSTS, first, target="posts")
    driver, run, rows = performed(runtime, POSTS, copy, other, target="posts")
    assert (run.status, [row.status for row in rows]) == ("completed", ["rejected", "done"])
    assert "too similar" in driver.requests[1].messages[-1].text
    assert '"Our lemon tart is back on Saturday, come early."' in driver.requests[1].messages[-1].text
    assert [row["body"][:6] for row in rows_of(runtime, "posts")] == ["Our le", "Winter"]


def test_text_of_a_failed_iteration_is_no_earlier_text(runtime: Runtime) -> None:
    acts = f'{POSTS}[acts.end]\nprompt = "End."\nchecks = {{ max_chars = 1 }}\nattempts = 1'
    body = '{"body": "Our lemon tart is back on Saturday, come early."}'
    acts = acts.replace("extract_output = true\n", "")
    _, run, _ = performed(runtime, acts, body, "too long")
    assert run.status == "failed"
    _, run, rows = performed(runtime, acts, body, "x")
    assert (run.status, [row.status for row in rows]) == ("completed", ["done", "done"])


def test_iterations_at_the_same_time_do_not_both_accept_copies(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both compare before either has written; the lock of the column lets the second one see the first."""
    runtime = make_runtime()
    body = '{"body": "Our lemon tart is back on Saturday, come early."}'
    script(runtime, *[body] * 4)
    acts = POSTS.replace("attempts = 2", "attempts = 1")
    both, judge = threading.Barrier(2), act.failures_of

    def together(*given: object) -> object:
        failures = judge(*given)
        both.wait(60)
        return failures

    monkeypatch.setattr(act, "failures_of", together)
    narrative = narrative_text(2, acts, concurrency=2, continue_on_error=True)
    run = start(runtime, narrative.replace("[narrative]", '[narrative]\ntarget = "posts"', 1))
    threads = [threading.Thread(target=perform, args=(runtime, run.id, number)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    run = perform_all(runtime, run.id)
    assert (run.succeeded, run.failed) == (1, 1)
    assert len(rows_of(runtime, "posts")) == 1
    assert "too similar (1.00 of 1)" in (run.reason or "")


def test_column_that_the_table_does_not_have_is_a_warning(runtime: Runtime) -> None:
    performed(runtime, POSTS, '{"body": "Our lemon tart is back on Saturday."}', target="posts")
    narrative = loaded(narrative_text(1, POSTS.replace("content.posts.body", "content.posts.boddy")))
    (warning,) = enqueue(runtime, narrative, "test.toml", EnqueueRequest()).warnings
    assert "unique: the content table posts has no column boddy yet; did you mean body?" in warning


def test_worker_killed_after_a_rejected_round_pays_no_answer_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(point: str) -> None:
        if point == "attempt_rejected":
            raise RedisConnectionError("just then")

    driver = script(runtime, "facts", "d1", "p1", '{"score": 1}', "d2", "p2", '{"score": 5}')
    run = start(runtime, narrative_text(1, LOOP))
    with monkeypatch.context() as patch:
        patch.setattr(act, "reach", broken)
        perform_open(runtime, run.id)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() - interval '1 second'"))
    run = perform_all(runtime, run.id)
    assert (run.status, len(driver.requests)) == ("completed", 7)
    assert driver.requests[4].messages[-2].text == "d1"
    assert violations(runtime, run.id, calls_lost=0) == []
