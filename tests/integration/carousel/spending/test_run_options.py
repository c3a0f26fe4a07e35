"""Tests the options of a run: tiers and tenant are stored with it, and all that plans, draws and prices reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from botticelli.budget import ScopeUsage
from botticelli.budget.limits import named_scope
from botticelli.carousel import Fork, fork, pause, plan_of, resume
from botticelli.cli.runs.run_details import Details
from botticelli.client import Client
from botticelli.errors import InvalidInput
from botticelli.messages import QUEUE, run_id_for
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.narrative.execution import Multipliers, RunOptions
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start
from workers.handlers import store_request

MakeRuntime = Callable[..., Runtime]
TIERS = json.dumps(
    {
        "echo": {
            "default_tier": "small",
            "tiers": {
                "small": {"rpm": 2, "usd_per_million_input": 0, "usd_per_million_output": 0},
                "large": {"rpm": 100, "usd_per_million_input": 1_000_000, "usd_per_million_output": 0},
            },
        }
    }
)
LARGE = RunOptions(tiers={"echo": "large"})


def used(runtime: Runtime, tier: str) -> int:
    model = runtime.drivers.resolve("echo/echo")
    return runtime.budget.usage(runtime.scopes.model_budget(model, tier).scope).windows[0].used


def tenant_usage(runtime: Runtime, name: str) -> ScopeUsage:
    return runtime.budget.usage(named_scope("tenant", name, runtime.settings.budgets.tenants[name]))


def scopes_of_plan(runtime: Runtime, run_id: str) -> list[str]:
    with runtime.store.transaction() as tx:
        return [scope.name for scope in plan_of(runtime, tx, run_id)[0].scopes]


def test_runs_of_one_model_spend_from_the_tiers_that_they_name(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers=TIERS)
    plain = perform_all(runtime, start(runtime, narrative_text(5)).id)
    large = perform_all(runtime, start(runtime, narrative_text(5), run_options=LARGE).id)
    assert (plain.status, plain.succeeded, large.status, large.succeeded) == ("budget_exhausted", 2, "completed", 5)
    assert (used(runtime, "small"), used(runtime, "large")) == (2, 5)
    assert (plain.cost_usd, large.cost_usd) == (0, Decimal(large.input_tokens))
    explained = explanation(runtime, "echo/echo@large")
    assert explained["usual_limits"] == {"requests/60s": 100}
    assert [act.calls for act in explained["acts"]] == [5]


def test_every_worker_and_every_fork_keeps_the_terms_of_a_run(make_runtime: MakeRuntime) -> None:
    budgets = {"budgets__tenants": '{"acme": {"rpm": 50}}'}
    first = make_runtime(providers=TIERS, **budgets)
    run_options = RunOptions(tiers={"echo": "large"}, tenant="acme")
    run = start(first, narrative_text(6), run_options=run_options, multipliers=Multipliers(rpm_multiplier=0.5))
    perform_open(first, run.id)
    pause(first, run.id)
    other = Runtime(first.settings.model_copy(update={"default_tier": "small"}))
    try:
        resume(other, run.id)
        assert perform_all(other, run.id).status == "completed"
        forked = fork(other, run.id, Fork(number=4)).run
        assert perform_all(other, forked.id).status == "completed"
        assert scopes_of_plan(other, forked.id) == scopes_of_plan(first, run.id) == ["tenant:acme", "echo/echo@large"]
        assert used(other, "large") == tenant_usage(other, "acme").windows[0].used == 6 + 3
    finally:
        other.close()


def test_the_budget_of_a_tenant_is_spent_by_all_of_its_runs_and_by_no_other(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(budgets__tenants='{"acme": {"rpm": 3}}')
    first = perform_all(runtime, start(runtime, narrative_text(2), run_options=RunOptions(tenant="acme")).id)
    second = perform_all(
        runtime, start(runtime, narrative_text(2, name="other"), run_options=RunOptions(tenant="acme")).id
    )
    assert (first.status, second.status, second.succeeded) == ("completed", "budget_exhausted", 1)
    assert "tenant:acme: 1 requested, 3 of 3 used" in (second.reason or "")
    for run_options in (RunOptions(tenant="nobody"), RunOptions()):
        assert perform_all(runtime, start(runtime, narrative_text(9), run_options=run_options).id).status == "completed"
    assert tenant_usage(runtime, "acme").windows[0].used == 3


def test_the_same_key_with_other_terms_is_another_request(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers=TIERS)
    first = start(runtime, narrative_text(1), idempotency_key="k", run_options=LARGE)
    assert start(runtime, narrative_text(1), idempotency_key="k", run_options=LARGE).id == first.id
    for run_options in (RunOptions(), RunOptions(tiers={"echo": "large"}, tenant="acme")):
        with pytest.raises(InvalidInput, match="enqueued before with another narrative or other options"):
            start(runtime, narrative_text(1), idempotency_key="k", run_options=run_options)


def test_terms_over_the_wire(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(providers=TIERS, budgets__tenants='{"acme": {"rpm": 50}}')
    request: dict[str, Any] = {"text": narrative_text(3), "tiers": {"echo": "large"}, "tenant": "acme"}
    with Client(runtime.settings) as client:
        client.enqueue(**request, idempotency_key="good")
        with pytest.raises(InvalidInput, match="tenant is empty"):
            client.enqueue("hello", tenant="")
    with runtime.celery.connection_for_read() as connection, connection.SimpleQueue(QUEUE) as queue:
        [_, sent, _] = queue.get(timeout=60).payload
    store_request(runtime, 1, "task", sent)
    store_request(runtime, 1, "task", {**request, "run_id": run_id_for("tier"), "tiers": {"echo": "larg"}})
    store_request(runtime, 1, "task", {**request, "run_id": run_id_for("text"), "tiers": {"echo": 7}})
    store_request(runtime, 1, "task", {**request, "run_id": run_id_for("name"), "tenant": "a\nb"})
    good, tier, text, name = (run_of(runtime, run_id_for(key)) for key in ("good", "tier", "text", "name"))
    assert perform_all(runtime, good.id).status == "completed"
    assert (used(runtime, "large"), tenant_usage(runtime, "acme").windows[0].used) == (3, 3)
    assert {tier.status, text.status, name.status} == {"failed"}
    assert tier.reason == "--tier echo: there is no tier 'larg'; tiers of echo: large"
    assert "tiers.echo must be a string" in (text.reason or "")
    assert "can't be the name of a tenant" in (name.reason or "")


def test_run_shows_its_options(make_runtime: MakeRuntime, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = make_runtime(providers=TIERS)
    run_options = RunOptions(tiers={"echo": "large"}, tenant="acme")
    text = narrative_text(1).replace("[acts]", "[narrative.carousel.budget]\ntpm_multiplier = 0.25\n[acts]")
    run = start(runtime, text, run_options=run_options, multipliers=Multipliers(rpm_multiplier=0.5))
    details = Details(runtime, run.id, None)
    details.print_text(acts=False, show_all=False)
    shown = capsys.readouterr().out
    assert "  tiers      echo=large\n  tenant     acme\n  uses       of the limits: rpm 0.5, tpm 0.25\n" in shown
    details.print_json()
    printed = json.loads(capsys.readouterr().out)["options"]
    multipliers = {"rpm_multiplier": 0.5, "tpm_multiplier": 0.25}
    assert printed == {
        "tiers": {"echo": "large"},
        "tenant": "acme",
        "model": None,
        "service_tier": None,
        "multipliers": multipliers,
    }
    plain = Details(runtime, start(runtime, narrative_text(1)).id, None)
    plain.print_text(acts=False, show_all=False)
    assert not {"tiers", "tenant", "uses"} & set(capsys.readouterr().out.split())
