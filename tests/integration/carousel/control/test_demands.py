"""Whose settings count: those of the enqueuer and those of the worker; the stricter of both holds, whoever has it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text

from botticelli.carousel import Fork, decide, fork, plan_of
from botticelli.carousel.plan.planned_calls import shares
from botticelli.messages import WIRE_VERSION, run_id_for
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from botticelli.settings.demands import demands_to_send
from botticelli.store import Run
from tests.support.commands import create
from tests.support.narratives import narrative_text, perform_all, run_of, start
from workers.handlers import store_request

MakeRuntime = Callable[..., Runtime]
CREATES = create()
TWO_CHANNELS = create(name="news") + create(name="talk").replace("made", "more")
READS = '[acts.rows]\n[[acts.rows.input]]\ntype = "table"\ntable_name = "customers"\n'
STRICT, LAX = True, False


def performed(
    make_runtime: MakeRuntime, acts: str, demand: dict[str, str], *, enqueuer: bool, lax: dict[str, str] | None = None
) -> tuple[Run, Runtime]:
    """A run whose enqueuer (or else whose worker) has the demand, and the other side not."""
    sides = [demand if side == enqueuer else lax or {} for side in (STRICT, LAX)]
    stores, performs = (make_runtime(**flags) for flags in sides)
    run = start(stores, narrative_text(1, acts))
    return perform_all(performs, run.id), performs


@pytest.mark.parametrize("enqueuer", [True, False])
def test_confirmation_that_either_side_demands_is_asked_for(make_runtime: MakeRuntime, enqueuer: bool) -> None:
    demand = {"security__require_confirmation": "true"}
    run, worker = performed(make_runtime, CREATES, demand, enqueuer=enqueuer)
    assert (run.status, "needs approval" in (run.reason or "")) == ("paused", True)
    with worker.store.transaction() as tx:
        [effect] = tx.effects.of_run(run.id)
    decide(worker, effect.key, "approved")
    assert perform_all(worker, run.id).status == "completed"


@pytest.mark.parametrize("enqueuer", [True, False])
def test_cap_of_effects_that_either_side_demands_holds(make_runtime: MakeRuntime, enqueuer: bool) -> None:
    demand = {"security__max_effects_per_run": "1"}
    lax = {"security__max_effects_per_run": "5"}
    run, _ = performed(make_runtime, TWO_CHANNELS, demand, enqueuer=enqueuer, lax=lax)
    assert run.status == "failed"
    assert "max_effects_per_run is 1" in (run.reason or "")


@pytest.mark.parametrize(
    "demand", [{"security__channel_ids": '["1"]'}, {"security__denied_commands": '["channels.*"]'}], ids=str
)
def test_rule_of_a_worker_holds_for_a_run_of_another_enqueuer(
    make_runtime: MakeRuntime, demand: dict[str, str]
) -> None:
    run, _ = performed(make_runtime, CREATES, demand, enqueuer=False)
    assert run.status == "failed"
    assert "[security] of the settings" in (run.reason or "")


def test_rule_of_the_enqueuer_holds_for_values_that_are_known_later(make_runtime: MakeRuntime) -> None:
    acts = 'name = "Say a name"\n' + create(name="{{previous}}")
    run, _ = performed(make_runtime, acts, {"security__channel_prefix": "bot-"}, enqueuer=True)
    assert run.status == "failed"
    assert "is not allowed by [security] of the settings that it was enqueued with" in (run.reason or "")


@pytest.mark.parametrize("enqueuer", [True, False])
def test_table_that_one_side_does_not_allow_is_not_read(make_runtime: MakeRuntime, enqueuer: bool) -> None:
    lax = {"tables__allow": '["customers"]'}
    owner = make_runtime()
    with owner.store.transaction() as tx:
        tx.connection.execute(text("create table customers (name text)"))
        tx.connection.execute(text("insert into customers values ('Ada')"))
    run, _ = performed(make_runtime, READS, {"tables__allow": '["orders"]'}, enqueuer=enqueuer, lax=lax)
    assert run.status == "failed"
    allowed, _ = performed(make_runtime, READS, lax, enqueuer=enqueuer, lax=lax)
    assert allowed.status == "completed"


@pytest.mark.parametrize("enqueuer", [True, False])
def test_budget_of_one_side_is_spent_from_with_the_lower_limit(make_runtime: MakeRuntime, enqueuer: bool) -> None:
    low, high = {"budgets__narratives__test__rpm": "7"}, {"budgets__narratives__test__rpm": "9"}
    for lax in ({}, high):
        sides = (low, lax) if enqueuer else (lax, low)
        stores, performs = (make_runtime(**flags) for flags in sides)
        run = start(stores, narrative_text(1))
        with performs.store.transaction() as tx:
            scopes = [share.scope for share in shares(plan_of(performs, tx, run.id))]
        limits = [[window.limit for window in scope.windows] for scope in scopes if scope.name == "narrative:test"]
        assert limits == [[7]]


def test_fork_keeps_the_demands_of_the_run(make_runtime: MakeRuntime) -> None:
    stores, performs = make_runtime(security__require_confirmation="true"), make_runtime()
    run = start(stores, narrative_text(1, CREATES))
    other = fork(performs, run.id, Fork(1, allow_effects=True)).run
    assert perform_all(performs, other.id).status == "paused"


def request(runtime: Runtime, name: str, demands: object) -> Run:
    arguments = {"narrative": "guarded", "demands": demands}
    store_request(runtime, WIRE_VERSION, name, arguments)
    return run_of(runtime, run_id_for(f"task {name}"))


def test_demands_of_a_request_hold_beside_those_of_the_worker(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    folder = runtime.settings.base / "narratives"
    folder.mkdir()
    (folder / "guarded.toml").write_text(narrative_text(1, CREATES, name="guarded"))
    environ = {"BOTTICELLI_SECURITY__REQUIRE_CONFIRMATION": "true"}
    demands = demands_to_send(load_settings(environ=environ, cwd=runtime.settings.base))
    assert demands == {"security": {"require_confirmation": True}}
    assert perform_all(runtime, request(runtime, "a", json.loads(json.dumps(demands))).id).status == "paused"
    assert perform_all(runtime, request(runtime, "b", None).id).status == "completed"
    denied = request(runtime, "c", {"security": {"denied_commands": ["channels.*"]}})
    assert (denied.status, "is denied by" in (denied.reason or "")) == ("failed", True)


@pytest.mark.parametrize(
    "demands",
    [
        {"securty": {}},
        {"security": {"require_confirmation": "perhaps"}},
        {"security": []},
        {"tables": {"allow": 1}},
        [1],
    ],
    ids=str,
)
def test_demand_that_is_not_understood_refuses_the_request(make_runtime: MakeRuntime, demands: object) -> None:
    run = request(make_runtime(), "x", demands)
    assert run.status == "failed"
    assert "demands" in (run.reason or "")


def test_program_without_settings_demands_nothing() -> None:
    from pathlib import Path

    assert demands_to_send(load_settings(environ={}, cwd=Path("/"))) is None
