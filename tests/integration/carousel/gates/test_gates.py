"""Answers that a gate does not accept are asked for again, with the reasons, within the ticket and the ledger."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import text

from botticelli.carousel import resume
from botticelli.errors import InvalidInput
from botticelli.monitoring.diagnosis import why
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from tests.support.content import Scripted, rows_of, script
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start
from tests.support.promises import violations
from workers.executor import act

MakeRuntime = Callable[..., Runtime]
SHORT = """
[acts.draft]
prompt = "Write a post about {var.subject}."
checks = { max_chars = 12, no_mentions = true }
"""
ROWS = """
[acts.draft]
prompt = "Write a post as JSON."
format = "json"
extract_output = true
checks = { field = "body", max_chars = 5 }
"""
LONG = "far too long for this"


def performed(runtime: Runtime, acts: str, *answers: str, **options: object) -> tuple[Scripted, Run, list[ActRow]]:
    """Perform one iteration; return the driver, the run, and the rows of all attempts."""
    driver = script(runtime, *answers)
    variables = {"subject": "{braces}"} if "var.subject" in acts else {}
    narrative = narrative_text(1, acts, **options).replace(
        "[narrative]", '[narrative]\ntarget = "posts"', "body" in acts
    )
    run = perform_all(runtime, start(runtime, narrative, variables=variables).id)
    return driver, run, attempts_of(runtime, run)


def attempts_of(runtime: Runtime, run: Run) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run.id, 1, rejected=True)


def test_rejected_answer_is_asked_for_again_with_the_reasons(runtime: Runtime) -> None:
    driver, run, rows = performed(runtime, SHORT, "Hello, {state.secret} @everyone!", "Hi, all.")
    assert run.status == "completed"
    assert [(row.attempt, row.status, row.output) for row in rows] == [
        (1, "rejected", "Hello, {state.secret} @everyone!"),
        (2, "done", "Hi, all."),
    ]
    first, answer, reasons = driver.requests[1].messages
    assert (first.text, answer.text) == ("Write a post about {braces}.", "Hello, {state.secret} @everyone!")
    assert [message.role for message in driver.requests[1].messages] == ["user", "assistant", "user"]
    assert "- it has 32 characters; at most 12 are allowed" in reasons.text
    assert '- it contains the mention "@everyone"; no mentions are allowed' in reasons.text
    assert violations(runtime, run.id, calls_lost=0) == []


def test_later_acts_see_the_request_and_the_accepted_answer_only(runtime: Runtime) -> None:
    acts = f'{SHORT}[acts.next]\nprompt = "Translate: {{act.draft.output}}"'
    driver, _, _ = performed(runtime, acts, LONG, "short", "kurz")
    assert [message.text for message in driver.requests[2].messages] == [
        "Write a post about {braces}.",
        "short",
        "Translate: short",
    ]


def test_ticket_holds_all_attempts_and_gives_back_those_not_needed(make_runtime: MakeRuntime) -> None:
    limits = '{"default_tier": "t", "tiers": {"t": {"rpm": 4}}}'
    runtime = make_runtime(providers__echo=limits)
    script(runtime, "short")
    scope = runtime.scopes.model_budget(runtime.drivers.resolve("echo/echo")).scope
    run = start(runtime, narrative_text(1, SHORT), variables={"subject": "x"})
    assert runtime.budget.usage(scope).held.requests == 3
    perform_all(runtime, run.id)
    usage = runtime.budget.usage(scope)
    assert (usage.held.requests, usage.windows[0].used) == (0, 1)


def test_gate_with_more_attempts_than_a_window_has_room_for_is_refused(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers__echo='{"default_tier": "t", "tiers": {"t": {"rpm": 2}}}')
    with pytest.raises(InvalidInput, match="one iteration is larger than a limit"):
        start(runtime, narrative_text(1, SHORT), variables={"subject": "x"})


@pytest.mark.parametrize("attempts", [1, 2])
def test_gate_without_an_accepted_answer_fails_its_act(runtime: Runtime, attempts: int) -> None:
    driver, run, rows = performed(runtime, f"{SHORT}attempts = {attempts}", *[LONG] * 3)
    assert (run.status, len(driver.requests)) == ("failed", attempts)
    assert [row.status for row in rows] == ["rejected"] * (attempts - 1) + ["failed"]
    assert "no answer was accepted in" in (run.reason or "") and "it has 21 characters" in (run.reason or "")
    assert run.used_tokens == 2 * attempts


def test_gate_that_keeps_uses_the_last_answer_with_a_warning(runtime: Runtime) -> None:
    acts = f'{SHORT}attempts = 2\notherwise = "keep"\n[acts.next]\nprompt = "{{act.draft.output}}"'
    driver, run, rows = performed(runtime, acts, LONG, f"{LONG}!", "ok")
    assert (run.status, driver.requests[2].messages[-1].text) == ("completed", f"{LONG}!")
    assert (rows[1].status, rows[1].verdict) == ("done", "kept")
    assert "no answer was accepted in any of 2 attempts: it has 22 characters" in (rows[1].warning or "")


def test_gate_for_review_flags_the_content_and_performs_no_later_act(runtime: Runtime) -> None:
    acts = f'{ROWS}attempts = 2\notherwise = "review"\n[acts.next]\nprompt = "Post {{act.draft.output}}"'
    driver, run, rows = performed(runtime, acts, '{"body": "longer"}', '{"body": "longest"}', "posted")
    assert (run.status, len(driver.requests)) == ("completed", 2)
    assert [(row.name, row.status, row.verdict) for row in rows] == [
        ("draft", "rejected", None),
        ("draft", "done", "review"),
        ("next", "skipped", None),
    ]
    (row,) = rows_of(runtime, "posts")
    assert (row["body"], row["review_status"]) == ("longest", "flagged")
    assert "1 answer waits for review" in why(runtime, run.id).summary


def test_only_the_accepted_answer_becomes_content(runtime: Runtime) -> None:
    performed(runtime, ROWS, '{"body": "longer"}', '{"title": "no body"}', '{"body": "short"}')
    assert [(row["body"], row["review_status"]) for row in rows_of(runtime, "posts")] == [("short", "pending")]


def test_resumed_run_has_all_attempts_anew_and_pays_no_accepted_answer_again(runtime: Runtime) -> None:
    acts = f'[acts.first]\nprompt = "First."\n{SHORT}attempts = 2'
    _, run, _ = performed(runtime, acts, "first", LONG, LONG)
    assert run.status == "failed"
    driver = script(runtime, LONG, "short")
    resume(runtime, run.id)
    run = perform_all(runtime, run.id)
    assert (run.status, len(driver.requests)) == ("completed", 2)
    assert len(driver.requests[0].messages) == 3  # the first act, and the request without earlier reasons
    assert [(row.name, row.attempt, row.status) for row in attempts_of(runtime, run)] == [
        ("first", 1, "done"),
        ("draft", 1, "rejected"),
        ("draft", 2, "rejected"),
        ("draft", 3, "done"),
    ]
    assert run.used_tokens == run_of(runtime, run.id).used_tokens == 2 * 5


def test_attempts_of_a_worker_that_is_taken_over_count(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(point: str) -> None:
        if point == "attempt_rejected":
            raise RedisConnectionError("just then")

    driver = script(runtime, LONG, "short")
    run = start(runtime, narrative_text(1, f"{SHORT}attempts = 2"), variables={"subject": "x"})
    with monkeypatch.context() as patch:
        patch.setattr(act, "reach", broken)
        perform_open(runtime, run.id)
    assert "iteration 1, act draft, attempt 1 was rejected: it has 21 characters" in why(runtime, run.id).summary
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() - interval '1 second'"))
    run = perform_all(runtime, run.id)
    assert (run.status, len(driver.requests)) == ("completed", 2)
    assert [message.text for message in driver.requests[1].messages][1] == LONG
    assert [row.status for row in attempts_of(runtime, run)] == ["rejected", "done"]
