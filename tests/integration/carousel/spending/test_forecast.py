"""Forecasts with services: as long as the real run, after what others have used and hold, by what calls took before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from botticelli.budget import Amounts
from botticelli.carousel import EnqueueRequest
from botticelli.carousel.forecast.forecast import Forecast, forecast
from botticelli.cli.runs.plan_text import lines
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.echo import EchoDriver
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import Entry
from botticelli.testing.budget_cases.clock import ManualClock
from tests.support.clocked import wake, with_clock
from tests.support.narratives import loaded, narrative_text, perform_all, perform_open, run_of, start

MakeRuntime = Callable[..., Runtime]
SCOPE = "echo/echo@t"
NOW = datetime.now(UTC)
CALL_MS = 20


def limited(make_runtime: MakeRuntime, **windows: float) -> Runtime:
    """Tokens in a number of seconds: `limited(make, s2=5000)`."""
    each = ", ".join(
        f'{{"metric": "tokens", "limit": {limit}, "period_seconds": {name[1:].replace("_", ".")}}}'
        for name, limit in windows.items()
    )
    return make_runtime(
        providers__echo__default_tier="t",
        **{"providers__echo__tiers__t": f'{{"windows": [{each}]}}'},
        worker__inline_wait_seconds="0",
    )


def planned(runtime: Runtime, text: str, **options: object) -> Forecast:
    return forecast(runtime, loaded(text), "test.toml", EnqueueRequest(**options), services_run=True)  # type: ignore[arg-type]


class Timed(EchoDriver):
    """Its calls take their time by the clock of the budget."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    @property
    def typical_call_seconds(self) -> float:
        return CALL_MS / 1000

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        self._clock.advance(CALL_MS)
        return super().generate(request)


def performed_seconds(runtime: Runtime, text: str, clock: ManualClock) -> float:
    """How long the real thing takes by the clock of the budget, which goes on in calls and in waits."""
    begin_ms = clock.ms
    run = start(runtime, text)
    while not (run := run_of(runtime, run.id)).is_final:
        if perform_open(runtime, run.id) == 0:
            assert run.due_at is not None
            clock.advance(max(1, round((run.due_at - run.now).total_seconds() * 1000)))
            wake(runtime, run.id)
    assert run.status == "completed"
    return (clock.ms - begin_ms) / 1000


def test_a_plan_finishes_when_the_run_does_after_what_others_used(make_runtime: MakeRuntime) -> None:
    """By the budget's clock: of what this machine takes for the rest a plan knows nothing."""
    runtime = limited(make_runtime, s15=5000, s60=1_000_000)
    clock = with_clock(runtime)
    runtime.drivers._made["echo"] = Timed(clock)
    text = narrative_text(18, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait", name="mine")
    assert runtime.budget.charge(runtime.scopes.of(runtime.drivers.resolve("echo/echo")), Amounts(3, 3000)) is None
    forecast = planned(runtime, text)
    assert (forecast.status, forecast.performed, forecast.is_live) == ("completed", 18, True)
    assert forecast.binding is not None
    assert (forecast.binding.scope, forecast.binding.window, forecast.binding.iteration) == (SCOPE, "tokens/15s", 3)
    assert performed_seconds(runtime, text, clock) == pytest.approx(forecast.seconds, rel=0.02)


def test_tickets_of_other_runs_count_in_a_forecast(make_runtime: MakeRuntime) -> None:
    runtime = limited(make_runtime, s60=5000)
    text = narrative_text(9, estimated_tokens_per_iteration=1000, name="mine")
    assert planned(runtime, text).performed == 5
    other = start(runtime, narrative_text(2, estimated_tokens_per_iteration=1000, name="other", concurrency=2))
    assert planned(runtime, text).performed == 3
    perform_all(runtime, other.id)
    assert planned(runtime, text).performed == 3
    start(runtime, narrative_text(30, estimated_tokens_per_iteration=1000, name="third", on_budget_exhausted="wait"))
    forecast = planned(runtime, text)
    assert forecast.performed == 1, "one is held by the third run, which takes turns with ours over the other two"
    assert any("1 other run" in note for note in forecast.notes)


def test_blocks_and_lowered_limits_are_in_force(make_runtime: MakeRuntime) -> None:
    runtime = limited(make_runtime, s60=5000)
    text = narrative_text(9, estimated_tokens_per_iteration=1000)
    with runtime.store.transaction() as tx:
        until = datetime.now(UTC) + timedelta(hours=1)
        tx.overrides.add(SCOPE, "tokens/60s", 2000, reason="test", set_by="test", until=until)
    assert planned(runtime, text).performed == 2
    waiting = narrative_text(130, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait")
    assert planned(runtime, waiting).seconds == pytest.approx(3600 + (130 - 120) / 5 * 60, rel=0.05)
    [call] = planned(runtime, narrative_text(1)).acts
    scope = runtime.scopes.of(runtime.drivers.resolve(call.model))
    runtime.budget.block_until(scope, 600_000)
    forecast = planned(runtime, narrative_text(1))
    assert forecast.binding is not None
    assert forecast.binding.window == "closed by the provider"
    assert 500 < forecast.seconds < 601
    with runtime.store.transaction() as tx:
        tx.overrides.add(SCOPE, "tokens/60s", 500, reason="test", set_by="test", until=None)
    endless = planned(runtime, waiting)
    assert (endless.status, endless.performed, endless.finishes_at) == ("endless", 0, None)


def test_the_past_says_what_calls_take_and_how_long(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        for n in range(1, 11):
            moment = NOW - timedelta(days=3) + timedelta(seconds=n)
            tx.ledger.draw(Entry(f"d{n}", "past", n, "one", 1, "s", 100, moment, "test", "echo/echo"))
            settled_at, cost_usd = moment + timedelta(seconds=7), Decimal(n) / 100
            tx.ledger.settle(f"d{n}", "settled", settled_at, Usage(n * 10, n * 2), cost_usd)
    forecast = planned(runtime, narrative_text(2, retries=0))
    assert (forecast.tokens.low, forecast.tokens.expected, forecast.tokens.worst) == (24, 120, 240)
    assert forecast.acts[0].tokens_source == "history"
    assert forecast.acts[0].samples == 10
    assert forecast.cost_usd is not None
    assert (forecast.cost_usd.expected, forecast.cost_usd.worst) == (Decimal("0.10"), Decimal("0.20"))
    assert forecast.seconds == pytest.approx(14.1)


def test_services_that_do_not_answer_are_said(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(redis__url="redis://127.0.0.1:1")
    forecast = planned(runtime, narrative_text(2))
    assert forecast.is_live is False
    assert any("don't answer" in note for note in forecast.notes)


PRICED = '{"usd_per_million_input": "1", "usd_per_million_output": "2"}'
MIXED = {
    "providers__echo": '{"default_tier": "t", "tiers": {"t": {"models": {"priced": ' + PRICED + "}}}}",
    "drivers__echo__output_tokens": "1000",
}
CHAIN = """
[acts.draft]
prompt = "Write."
[acts.judge]
prompt = "Judge: {act.draft.output}"
[acts.last]
prompt = "Say: {act.judge.output} and {act.draft.output}"
"""


def tabled(make_runtime: MakeRuntime, rows: int, **flags: str) -> Runtime:
    runtime = make_runtime(tables__allow='["papers"]', **flags)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("create table papers (id int, title text)"))
        insert = "insert into papers select n, 'a title of some length, number ' || n from generate_series(1, :n) as n"
        tx.connection.execute(text(insert), {"n": rows})
    return runtime


def reading(where: str = "") -> str:
    table = f'[tables.papers]\ntable_name = "papers"\nlimit = 1000\n{where}\n'
    acts = 'say = ["tables.papers", "Sum up."]'
    return f"{table}{narrative_text(1, acts)}"


def test_rows_of_table_are_counted_before_run(make_runtime: MakeRuntime) -> None:
    runtime = tabled(make_runtime, 1000)
    forecast = planned(runtime, reading())
    assert forecast.tokens is not None and forecast.acts[0].unknown == ()
    run = perform_all(runtime, start(runtime, reading()).id)
    assert run.status == "completed"
    assert forecast.tokens.low <= run.used_tokens <= forecast.tokens.worst
    assert forecast.tokens.low > 10_000


def test_rows_larger_than_limit_are_refused_before_run(make_runtime: MakeRuntime) -> None:
    tier = {"providers__echo__default_tier": "t", "providers__echo__tiers__t": '{"tpm": 5000}'}
    runtime = tabled(make_runtime, 1000, **tier)
    for refused in (planned, start):
        with pytest.raises(InvalidInput, match="larger than a limit"):
            refused(runtime, reading())


@pytest.mark.parametrize(
    "text",
    [
        reading("where = \"title = '{act.earlier.output}'\"").replace("say =", 'earlier = "Hm"\nsay ='),
        reading().replace('table_name = "papers"', 'table_name = "nowhere"'),
    ],
    ids=["filter of an answer", "no such table"],
)
def test_rows_that_nobody_can_count_give_no_range(make_runtime: MakeRuntime, text: str) -> None:
    forecast = planned(tabled(make_runtime, 3), text)
    assert forecast.tokens is None
    assert any("no range" in note for note in forecast.notes)
    assert any("unknown" in line for line in lines(forecast))


def test_worst_has_quoted_answers_and_history(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model="echo/priced", **MIXED)
    narrative = narrative_text(2, CHAIN, retries=0)
    forecast = planned(runtime, narrative)
    run = perform_all(runtime, start(runtime, narrative).id)
    assert run.status == "completed" and forecast.tokens is not None and forecast.cost_usd is not None
    assert forecast.tokens.low < forecast.tokens.expected
    assert forecast.tokens.low <= run.used_tokens <= forecast.tokens.worst
    assert run.cost_usd is not None and run.cost_usd <= forecast.cost_usd.worst


def test_cost_is_unknown_when_second_model_has_no_price(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(**MIXED)
    acts = '[acts.say]\nprompt = "Hi"\nmodel = ["echo/priced", "openai-compatible/other"]'
    forecast = planned(runtime, narrative_text(1, acts))
    assert (forecast.cost_usd, forecast.acts[0].cost_usd) == (None, None)
    assert any("no price of openai-compatible/other" in note for note in forecast.notes)
    with pytest.raises(InvalidInput, match=r"openai-compatible/other \(act say\) is unknown"):
        start(runtime, narrative_text(1, acts, max_cost_usd=1))


def test_narrative_s_figure_is_no_lower_bound(make_runtime: MakeRuntime) -> None:
    forecast = planned(make_runtime(), narrative_text(2, estimated_tokens_per_iteration=500, retries=0))
    assert forecast.tokens is not None
    assert forecast.tokens.low < forecast.tokens.expected == 1000 < forecast.tokens.worst
