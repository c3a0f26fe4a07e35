"""Budgets of a narrative and of a guild: granted together with the provider's, and spent by every call."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botticelli.budget import ScopeUsage
from botticelli.budget.limits import named_scope
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]
GUILD_ACT = """
[acts.one]
prompt = "Say hello"
[[acts.one.input]]
type = "bot_command"
command = "channels.list"
args = { guild_id = "GUILD" }
"""


def guild_text(iterations: int, guild: str, **carousel: object) -> str:
    return narrative_text(iterations, GUILD_ACT.replace("GUILD", guild), estimated_tokens_per_iteration=100, **carousel)


def usage(runtime: Runtime, kind: str, name: str) -> ScopeUsage:
    budgets = runtime.settings.budgets
    table = budgets.narratives if kind == "narrative" else budgets.guilds
    return runtime.budget.usage(named_scope(kind, name, table[name]))


def provider_usage(runtime: Runtime) -> ScopeUsage:
    return runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo")))


def test_all_runs_of_a_narrative_share_its_budget_and_others_do_not(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(budgets__narratives__test__tpm="500")
    text = narrative_text(3, estimated_tokens_per_iteration=100)
    first = perform_all(runtime, start(runtime, text).id)
    second = perform_all(runtime, start(runtime, text).id)
    other = narrative_text(3, name="other", estimated_tokens_per_iteration=100)
    assert (first.status, second.status, second.succeeded) == ("completed", "budget_exhausted", 2)
    assert "narrative:test: 100 requested, 500 of 500 used" in (second.reason or "")
    assert perform_all(runtime, start(runtime, other).id).status == "completed"
    assert usage(runtime, "narrative", "test").windows[0].used == 500


def test_a_guild_s_budget_is_spent_by_all_that_name_it(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(budgets__guilds=json.dumps({"7": {"windows": [WINDOW]}}))
    assert perform_all(runtime, start(runtime, guild_text(2, "7")).id).status == "completed"
    assert perform_all(runtime, start(runtime, guild_text(9, "8")).id).status == "completed"
    run = perform_all(runtime, start(runtime, guild_text(9, "7")).id)
    assert (run.status, run.succeeded) == ("budget_exhausted", 1)
    assert usage(runtime, "guild", "7").windows[0].used == 3


WINDOW = {"metric": "requests", "limit": 3, "period_seconds": 3600, "kind": "fixed"}


def test_ticket_refused_by_one_budget_is_held_in_no_other(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(budgets__narratives__test__rpm="2")
    run = start(runtime, narrative_text(9, estimated_tokens_per_iteration=100, concurrency=5))
    assert provider_usage(runtime).held.requests == 2
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded) == ("budget_exhausted", 2)
    for spent in (provider_usage(runtime), usage(runtime, "narrative", "test")):
        assert (spent.held.requests, spent.held.tokens, spent.tickets) == (0, 0, 0)


def test_every_try_counts_in_every_budget(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(
        drivers__echo__errors='["500", "429:0.01", "ok"]',
        budgets__narratives__test__rpm="9",
        budgets__narratives__test__tpm="1000",
    )
    assert perform_all(runtime, start(runtime, narrative_text(1, estimated_tokens_per_iteration=100)).id).succeeded == 1
    assert [window.used for window in usage(runtime, "narrative", "test").windows] == [3, 100]


def test_an_iteration_that_a_budget_of_one_s_own_can_never_hold_is_refused_at_once(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(budgets__narratives__test__tpm="50")
    with pytest.raises(InvalidInput, match="narrative:test: 100 requested, but tokens/60s allows 50"):
        start(runtime, narrative_text(1, estimated_tokens_per_iteration=100))
