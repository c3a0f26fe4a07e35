"""`botticelli budget` over real servers: what it shows, explains, proves, lowers and remembers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from botticelli.cli.main import root
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start
from tests.support.waiting import wait_until

MakeRuntime = Callable[..., Runtime]
Call = Callable[..., Result]
SCOPE = "echo/echo@small"
PROVIDERS = '{"echo": {"default_tier": "small", "tiers": {"small": {"rpm": 30, "tpm": 5000}}}}'
TEXT = narrative_text(50, estimated_tokens_per_iteration=1000)


@pytest.fixture
def runtime(make_runtime: MakeRuntime) -> Runtime:
    return make_runtime(providers=PROVIDERS)


@pytest.fixture
def call(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Call:
    """`call("show")` is `botticelli budget show` in a process of its own settings, over the same servers."""
    database, redis = runtime.settings.database, runtime.settings.redis
    assert database.url is not None and redis.url is not None
    monkeypatch.setenv("BOTTICELLI_DATABASE_URL", database.url.get_secret_value())
    monkeypatch.setenv("BOTTICELLI_REDIS_URL", redis.url.get_secret_value())
    monkeypatch.setenv("BOTTICELLI_REDIS__PREFIX", redis.prefix)
    monkeypatch.setenv("BOTTICELLI_PROVIDERS", PROVIDERS)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(root, ["budget", *arguments])


def printed(call: Call, *arguments: str, exit_code: int = 0) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def plant(
    runtime: Runtime, draw_id: str, tokens: int, at: datetime, *, outcome: str = "settled", **more: object
) -> None:
    """A row in the ledger, written by hand."""
    values = {"id": draw_id, "tokens": tokens, "at": at, "outcome": outcome, "scope": SCOPE, **more}
    insert = """insert into ledger (draw_id, run_id, number, act, attempt, scope, outcome, estimated_tokens, input_tokens,
        output_tokens, drawn_at, settled_at)
        values (:id, 'by-hand', 1, 'one', 1, :scope, :outcome, :tokens, :tokens, 0, :at, :at)"""
    with runtime.store.transaction() as tx:
        tx.connection.execute(text(insert), values)


def test_the_audit_clears_what_was_granted(runtime: Runtime, call: Call) -> None:
    for concurrency in (1, 8):
        perform_all(runtime, start(runtime, TEXT.replace("[acts]", f"concurrency = {concurrency}\n[acts]")).id)
    audit = printed(call, "audit")
    assert (audit["ok"], audit["unlimited"]) == (True, [])
    worst = {window["window"]: window["worst"] for window in audit["windows"]}
    assert (worst["tokens/60s"]["amount"], worst["tokens/60s"]["ratio"]) == (5000, 1.0)
    assert worst["requests/60s"]["amount"] == 5
    assert "no limit was exceeded" in call("audit").output


def test_the_audit_finds_what_was_planted_by_hand(runtime: Runtime, call: Call) -> None:
    perform_all(runtime, start(runtime, narrative_text(2, estimated_tokens_per_iteration=1000)).id)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    plant(runtime, "a", 3000, at)
    plant(runtime, "b", 2001, at + timedelta(seconds=59), outcome="unknown")
    audit = printed(call, "audit", exit_code=1)
    [tokens] = [window for window in audit["windows"] if window["violations"]]
    assert (audit["ok"], tokens["scope"], tokens["window"]) == (False, SCOPE, "tokens/60s")
    [violation] = tokens["violations"]
    assert (violation["amount"], violation["limit"]) == (5001, 5000)
    assert (violation["from"][:19], violation["to"][:19]) == ("2026-01-02T03:04:05", "2026-01-02T03:05:04")
    shown = call("audit")
    assert shown.exit_code == 1
    assert "EXCEEDED" in shown.output and "1 limit was exceeded" in shown.output
    assert printed(call, "audit", "--since", "2026-01-03")["ok"]


def test_calls_that_used_more_than_estimated_are_listed_apart(make_runtime: MakeRuntime, call: Call) -> None:
    runtime = make_runtime(providers=PROVIDERS, drivers__echo__output_tokens="2000")
    perform_all(runtime, start(runtime, TEXT.replace("[acts]", "concurrency = 5\n[acts]")).id)
    audit = printed(call, "audit")
    [tokens] = [window for window in audit["windows"] if window["window"] == "tokens/60s"]
    assert audit["ok"]
    assert tokens["excesses"][0]["amount"] > 10_000
    assert "excess, paid back" in call("audit").output


def test_a_ticket_that_was_granted_before_the_limit_was_lowered_passes_nothing(runtime: Runtime, call: Call) -> None:
    run = start(runtime, TEXT.replace("[acts]", "concurrency = 5\n[acts]"))
    printed(call, "set", SCOPE, "tokens/60s", "1000", "--reason", "try")
    wait_until(lambda: runtime.scopes.overrides_of(SCOPE), "the lower limit to be known")
    assert perform_all(runtime, run.id).succeeded == 5
    assert printed(call, "audit")["ok"]


def test_a_lower_limit_is_kept_by_every_process_within_a_second_and_recorded(runtime: Runtime, call: Call) -> None:
    run = start(runtime, TEXT)
    assert perform_open(runtime, run.id) == 1
    override = printed(call, "set", "echo/echo", "tokens/60s", "3000", "--reason", "the bill", "--until", "1h")
    assert (override["scope"], override["limit"], override["reason"]) == (SCOPE, 3000, "the bill")
    wait_until(lambda: runtime.scopes.overrides_of(SCOPE), "the lower limit to be known")
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded) == ("budget_exhausted", 3)
    assert "3,000 of 3,000 used" in (after.reason or "")
    [window] = [window for window in printed(call, "show")[0]["windows"] if window["window"] == "tokens/60s"]
    assert window["limit"] == 3000
    history = printed(call, "history", SCOPE)
    assert [(override["limit"], override["reason"]) for override in history["overrides"]] == [(3000, "the bill")]
    assert sum(step["tokens"] for step in history["usage"][SCOPE]) == 3000
    assert "the bill" in call("history").output


def test_a_limit_that_lets_nothing_pass_parks_a_run_and_ends_by_itself(runtime: Runtime, call: Call) -> None:
    printed(call, "set", SCOPE, "requests/60s", "0", "--reason", "stop", "--until", "1h")
    run = start(runtime, narrative_text(2, estimated_tokens_per_iteration=10, on_budget_exhausted="wait"))
    assert run.status == "waiting"
    assert run.due_at is not None and (run.due_at - run.now).total_seconds() < 11
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update budget_overrides set until = now(); update runs set due_at = now()"))
    wait_until(lambda: not runtime.scopes.overrides_of(SCOPE), "the limit to be over")
    assert perform_all(runtime, run.id).status == "completed"


def test_default_ends_a_lower_limit(runtime: Runtime, call: Call) -> None:
    printed(call, "set", SCOPE, "tokens/60s", "1", "--reason", "a")
    assert call("set", SCOPE, "tokens/60s", "default", "--reason", "b").exit_code == 0
    assert runtime.scopes.overrides_of(SCOPE) == {}
    assert [override["reason"] for override in printed(call, "history")["overrides"]] == ["b", "a"]
    assert run_of(runtime, start(runtime, TEXT).id).status == "running"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody/x", "tokens/60s", "1"), "there is no scope 'nobody/x'"),
        ((SCOPE, "tokens/61s", "1"), "its windows: requests/60s, tokens/60s"),
        ((SCOPE, "tokens/60s", "5000"), "5,000 is not below the usual limit of 5,000"),
        ((SCOPE, "tokens/60s", "-x"), "is not a limit"),
        ((SCOPE, "tokens/60s", "1", "--until", "soon"), "neither a duration"),
        ((SCOPE, "tokens/60s", "1", "--until", "2001-01-01"), "is not in the future"),
    ],
)
def test_limits_that_can_not_be_set(call: Call, arguments: tuple[str, ...], said: str) -> None:
    result = (
        call("set", "--reason", "r", "--", *arguments)
        if "-x" in arguments
        else call("set", "--reason", "r", *arguments)
    )
    assert result.exit_code == 2
    assert said in result.output


def test_explain_names_the_holders_and_compares_estimates(runtime: Runtime, call: Call) -> None:
    perform_all(runtime, start(runtime, narrative_text(2, estimated_tokens_per_iteration=400)).id)
    run = start(runtime, narrative_text(3, estimated_tokens_per_iteration=1000, concurrency=2, name="holder"))
    explained = printed(call, "explain", "echo/echo@s")
    assert {(holder["run_id"], holder["number"], holder["narrative"]) for holder in explained["holders"]} == {
        (run.id, "1", "holder"),
        (run.id, "2", "holder"),
    }
    held = explained["usage"]["held"]
    assert (held["requests"], held["tokens"]) == (2, 2000)
    [act] = explained["acts"]
    assert (act["act"], act["calls"], act["estimated_tokens"], act["actual_tokens"]) == ("one", 2, 400, 400)
    shown = call("explain", SCOPE).output
    assert f"held by run {run.id}, iteration 2 of holder" in shown
    assert "actual/estimate" in shown and "1.00" in shown


def test_windows_whose_charges_redis_lost_are_told_from_used_ones(runtime: Runtime, call: Call) -> None:
    perform_all(runtime, start(runtime, narrative_text(1)).id)
    assert "Redis" not in call("show").output
    runtime.redis.delete(*runtime.redis.scan_iter(f"*{runtime.settings.redis.prefix}*"))
    lost = "Redis lost its charges: full at first, opens with time"
    assert [line.strip() for line in call("show").output.splitlines() if "Redis" in line] == [
        f"requests/60s: {lost}",
        f"tokens/60s: {lost}",
    ]
    [usage] = [usage for usage in printed(call, "show") if usage["scope"] == SCOPE]
    assert [window["reopening"] for window in usage["windows"]] == [True, True]


def test_scopes_that_only_the_ledger_knows_are_shown(runtime: Runtime, call: Call) -> None:
    plant(runtime, "x", 7, datetime.now(UTC), scope="gone/model@tier")
    shown = {scope["scope"] for scope in printed(call, "show")}
    assert shown == {SCOPE, "gone/model@tier"}
    assert "gone/model@tier" in printed(call, "audit")["unlimited"]
    assert "last hour" in call("show").output
