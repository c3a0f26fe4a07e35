"""Metrics against the rows that they are of: to the unit, each once, whatever is pruned, late or counted by two."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from botticelli.budget import BLOCKED, Amounts, Ticket
from botticelli.monitoring.metrics.exporter import MetricsExporter
from botticelli.monitoring.metrics.metric_catalogue import CATALOGUE
from botticelli.runtime.process import Runtime
from botticelli.statuses import FINAL
from tests.support.narratives import narrative_text, perform_all, run_of, start
from tests.support.waiting import wait_until

MakeRuntime = Callable[..., Runtime]
MODEL = {"provider": "echo", "model": "echo"}
TIER = {
    "usd_per_million_input": "0.5",
    "usd_per_million_output": "3",
    "windows": [{"metric": "tokens", "limit": 1_000_000, "period_seconds": 86400}],
}


def exporter_of(runtime: Runtime) -> MetricsExporter:
    return MetricsExporter(runtime, cache_seconds=0.0, margin_seconds=0.0)


def read(exporter: MetricsExporter) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return each series of a page with its value."""
    families = text_string_to_metric_families(exporter.page().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value for each in families for sample in each.samples
    }


def value(page: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return page.get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def priced(make_runtime: MakeRuntime) -> Callable[..., Runtime]:
    """Runtimes whose echo costs something."""
    tier = json.dumps({"priced": TIER})
    return lambda **flags: make_runtime(providers__echo__default_tier="priced", providers__echo__tiers=tier, **flags)


def test_metrics_after_faults_equal_the_ledger_to_the_unit(priced: Callable[..., Runtime]) -> None:
    runtime = priced(drivers__echo__errors='["429:0.05", "ok", "500", "503", "ok", "400", "ok", "429:0.05"]')
    text = narrative_text(
        12, acts='one = "Say hello {iteration}"\ntwo = "And {act.one.output}"', continue_on_error=True
    )
    run = perform_all(runtime, start(runtime, text).id)
    assert run.failed > 0
    page = read(exporter_of(runtime))
    with runtime.store.transaction() as tx:
        rows = tx.ledger.of_run(run.id)
    assert all(row["recorded_at"] for row in rows)
    for kind, column in {"input": "input_tokens", "output": "output_tokens", "cache_read": "cached_tokens"}.items():
        total = sum(row[column] or 0 for row in rows)
        assert value(page, "botticelli_tokens_total", **MODEL, kind=kind) == total, kind
    cost = sum((row["cost_usd"] or Decimal(0) for row in rows), Decimal(0))
    assert cost > 0
    assert value(page, "botticelli_cost_usd_total", **MODEL) == float(cost)
    answers = [row for row in rows if row["outcome"] == "settled"]
    calls = {name: value(page, "botticelli_model_calls_total", **MODEL, outcome=name) for name in OUTCOMES}
    assert calls == {"ok": len(answers), "rate_limited": 2, "transient": 2, "terminal": 1, "unknown": 0, "not_sent": 0}
    assert value(page, "botticelli_estimate_ratio_count", **MODEL) == len(answers)
    assert value(page, "botticelli_model_call_duration_seconds_bucket", **MODEL, le="+Inf") == len(answers) + 5
    ended = {
        name: value(page, "botticelli_iterations_total", narrative="test", status=name)
        for name in ("succeeded", "failed")
    }
    assert ended == {"succeeded": run.succeeded, "failed": run.failed}
    assert value(page, "botticelli_runs_finished_total", status="completed") == 1


OUTCOMES = ("ok", "rate_limited", "transient", "terminal", "unknown", "not_sent")


def test_totals_are_counted_once_and_stay_when_rows_are_deleted(priced: Callable[..., Runtime]) -> None:
    runtime = priced()
    run = perform_all(runtime, start(runtime, narrative_text(3)).id)
    exporters = exporter_of(runtime), exporter_of(runtime)
    pages = [read(exporter) for exporter in (*exporters, *exporters)]
    tokens = value(pages[0], "botticelli_tokens_total", **MODEL, kind="input")
    with runtime.store.transaction() as tx:
        assert tokens == sum(row["input_tokens"] for row in tx.ledger.of_run(run.id)) > 0
        assert tx.runs.prune(datetime.now(UTC) + timedelta(days=1), FINAL, 10) == [run.id]
        tx.ledger.prune(-1.0)
    pages.append(read(exporters[0]))
    assert {value(page, "botticelli_tokens_total", **MODEL, kind="input") for page in pages} == {tokens}
    assert {value(page, "botticelli_iterations_total", narrative="test", status="succeeded") for page in pages} == {3}


def test_rows_of_a_transaction_that_commits_late_are_counted(priced: Callable[..., Runtime]) -> None:
    """Another transaction commits meanwhile, with a later time: counting up to that time would lose this one's row."""
    runtime = priced()
    first, second = (start(runtime, narrative_text(1)) for _ in range(2))
    exporter = exporter_of(runtime)
    with runtime.store.transaction() as late:
        late.runs.finish(first.id, "cancelled", None)
        with runtime.store.transaction() as tx:
            tx.runs.finish(second.id, "failed", "a fault")
        for _ in range(2):
            assert value(read(exporter), "botticelli_runs_finished_total", status="cancelled") == 0
    page = wait_until(
        lambda: (page := read(exporter)) and value(page, "botticelli_runs_finished_total", status="failed") and page,
        "the horizon to pass both",
    )
    assert value(page, "botticelli_runs_finished_total", status="cancelled") == 1


def test_iterations_of_a_budget_that_is_shut_are_admissible_when_it_opens(runtime: Runtime) -> None:
    """The page that said 0 is kept for a minute, and yet the number is there within 5 s of the opening."""
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo"))
    exporter = MetricsExporter(runtime, cache_seconds=60.0, margin_seconds=0.0)
    opens_at = time.monotonic() + 1.5
    runtime.budget.block_until(scope, 1500)
    run = start(runtime, narrative_text(10, concurrency=4, on_budget_exhausted="wait"))
    shut = read(exporter)
    assert (run.status, value(shut, "botticelli_admissible_iterations")) == ("waiting", 0)
    assert 0 < value(shut, "botticelli_next_admission_seconds") <= 1.5
    assert value(shut, "botticelli_budget_closed", scope=scope.name) == 1
    assert value(shut, "botticelli_budget_refusals_total", scope=scope.name, window="closed by the provider") == 1
    opened = wait_until(
        lambda: (page := read(exporter)) and value(page, "botticelli_admissible_iterations") and page, "it to open"
    )
    assert 0 <= time.monotonic() - opens_at < 5
    assert value(opened, "botticelli_admissible_iterations") == 4
    assert value(opened, "botticelli_runs", status="waiting") == 1
    perform_all(runtime, run.id)
    done = read(exporter_of(runtime))
    assert (run_of(runtime, run.id).status, value(done, "botticelli_admissible_iterations")) == ("completed", 0)
    assert value(done, "botticelli_budget_wait_seconds_count") == 1


def test_each_refusal_is_counted_once_by_two_exporters(make_runtime: MakeRuntime) -> None:
    """Refusals of charges, and one that ends its run: none of them makes a run wait."""
    tier = json.dumps({"small": {"windows": [{"metric": "requests", "limit": 1, "period_seconds": 86400}]}})
    runtime = make_runtime(providers__echo__default_tier="small", providers__echo__tiers=tier)
    perform_all(runtime, start(runtime, narrative_text(1)).id)
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo"))
    assert [runtime.budget.charge(scope, Amounts(requests=1)) is None for _ in range(2)] == [False, False]
    assert start(runtime, narrative_text(1)).status == "budget_exhausted"
    exporters = exporter_of(runtime), exporter_of(runtime)
    labels = {"scope": scope.name, "window": scope.windows[0].name}
    pages = [read(exporter) for exporter in (*exporters, *exporters)]
    assert [value(page, "botticelli_budget_refusals_total", **labels) for page in pages] == [3] * 4
    runtime.budget.block_until(scope, 60_000)
    runtime.budget.charge(scope, Amounts(tokens=1))
    labels["window"] = BLOCKED
    assert value(read(exporters[1]), "botticelli_budget_refusals_total", **labels) == 1


def test_admissible_iterations_are_those_that_the_windows_have_room_for(make_runtime: MakeRuntime) -> None:
    """With 7 requests a day, 2 used and 1 admitted, 4 of 20 iterations may start, also when that is read again."""
    windows = [{"metric": "requests", "limit": 7, "period_seconds": 86400}]
    tier = json.dumps({"small": {"windows": windows}})
    runtime = make_runtime(providers__echo__default_tier="small", providers__echo__tiers=tier)
    perform_all(runtime, start(runtime, narrative_text(2)).id)
    start(runtime, narrative_text(1))
    waiting = start(runtime, narrative_text(20, concurrency=20, on_budget_exhausted="wait"))
    with runtime.store.transaction() as tx:
        tickets = tx.iterations.withdraw(waiting.id)
    runtime.budget.release_all([Ticket.from_json(ticket) for ticket in tickets])
    pages = [read(exporter_of(runtime)) for _ in range(2)]
    assert [value(page, "botticelli_admissible_iterations") for page in pages] == [5, 5]
    scope = runtime.scopes.of(runtime.drivers.resolve("echo/echo")).name
    (used,) = [
        v for (name, labels), v in pages[1].items() if name == "botticelli_budget_used" and ("scope", scope) in labels
    ]
    assert used == 2


def test_page_without_redis_has_rows_and_says_so(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    perform_all(runtime, start(runtime, narrative_text(1)).id)
    broken = make_runtime(redis__url="redis://127.0.0.1:1/0")
    page = read(exporter_of(broken))
    assert value(page, "botticelli_server_up", server="redis") == 0
    assert value(page, "botticelli_runs_finished_total", status="completed") == 1
    assert ("botticelli_admissible_iterations", frozenset()) not in page


def test_every_exported_name_is_in_the_catalogue(runtime: Runtime) -> None:
    known = {name for spec in CATALOGUE.values() for name in spec.exported}
    assert {name for name, _ in read(exporter_of(runtime))} <= known
