"""Forecasts without services: figures and their sources, the limit that binds, how a run would end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
from botticelli.carousel.forecast.forecast import Forecast, forecast
from botticelli.carousel.plan.estimates import REPAIR_TOKENS
from botticelli.cli.main import root
from botticelli.errors import InvalidInput
from botticelli.narrative.execution import Multipliers, RunOptions
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from tests.support.narratives import loaded, narrative_text

Plan = Callable[..., Forecast]
LIMITS = '[providers.echo]\ndefault_tier = "t"\n[providers.echo.tiers.t]\n'
TOKENS = LIMITS + 'windows = [{ metric = "tokens", limit = 5000, period_seconds = 20 }]\n'
PRICES = "usd_per_million_input = 1\nusd_per_million_output = 10\n"
WRITES = """
[acts.make]
skip_if = "{state.global.made}"
[[acts.make.input]]
type = "bot_command"
command = "channels.create"
args = { guild_id = "1", name = "a" }
[[acts.make.input]]
type = "bot_command"
command = "channels.list"
args = { guild_id = "1" }
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    def planned(text: str, settings: str = "", **options: object) -> Forecast:
        (tmp_path / "botticelli.toml").write_text(settings)
        runtime = Runtime(load_settings({}, environ={"HOME": str(tmp_path)}, cwd=tmp_path))
        seconds = options.pop("call_seconds", None)
        try:
            return forecast(
                runtime,
                loaded(text),
                "test.toml",
                EnqueueRequest(**options),  # type: ignore[arg-type]
                services_run=False,
                call_seconds=seconds,  # type: ignore[arg-type]
            )
        finally:
            runtime.close()

    return planned


def test_narrative_s_figure_is_expected_and_no_bound(plan: Plan) -> None:
    forecast = plan(narrative_text(4, estimated_tokens_per_iteration=300, retries=2))
    assert (forecast.requests.low, forecast.requests.expected, forecast.requests.worst) == (4, 4, 12)
    assert (forecast.tokens.low, forecast.tokens.expected, forecast.tokens.worst) == (12, 1200, 12324)
    assert [(act.tokens_source, act.reserved_tokens) for act in forecast.acts] == [("narrative", 300)]


def test_without_a_figure_the_prompt_is_certain_and_the_answer_is_not(plan: Plan) -> None:
    forecast = plan(narrative_text(1, '[acts.one]\nprompt = "1234567890"\nmax_tokens = 90', retries=0))
    assert (forecast.tokens.low, forecast.tokens.expected, forecast.tokens.worst) == (10, 100, 100)
    assert forecast.acts[0].tokens_source == "prompt"


def test_an_unknown_price_is_unknown_and_a_known_one_is_of_input_and_output(plan: Plan) -> None:
    text = narrative_text(10, '[acts.one]\nprompt = "1234567890"\nmax_tokens = 90', retries=0)
    assert plan(text.replace("[acts.one]", "[acts.one]\nmodel = 'openai-compatible/own'")).cost_usd is None
    cost = plan(text, LIMITS + PRICES).cost_usd
    assert cost is not None
    assert (float(cost.low), float(cost.expected)) == pytest.approx((0.0001, 0.0091))


def test_one_act_without_a_price_makes_the_whole_unknown(plan: Plan) -> None:
    acts = '[acts.one]\nmodel = "openai-compatible/own"\nprompt = "Hello"\n'
    acts += '[acts.two]\nmodel = "echo/echo-2"\nprompt = "Hello"'
    forecast = plan(narrative_text(1, acts), LIMITS + "[providers.echo.tiers.t.models.echo-2]\n" + PRICES)
    assert forecast.cost_usd is None
    assert [act.cost_source for act in forecast.acts] == ["unknown", "prices"]


def test_stop_ends_where_the_window_is_full(plan: Plan) -> None:
    forecast = plan(narrative_text(8, estimated_tokens_per_iteration=1000), TOKENS)
    assert (forecast.status, forecast.performed, forecast.exit_code) == ("budget_exhausted", 5, 3)
    assert forecast.binding is not None
    assert (forecast.binding.scope, forecast.binding.window) == ("echo/echo@t", "tokens/20s")
    assert (forecast.binding.iteration, forecast.binding.limit, forecast.binding.requested) == (6, 5000, 1000)
    assert forecast.reason == "echo/echo@t: 1,000 requested, 5,000 of 5,000 used in tokens/20s"


def test_wait_goes_on_when_the_window_has_room(plan: Plan) -> None:
    text = narrative_text(12, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait")
    forecast = plan(text, TOKENS, call_seconds=1)
    assert (forecast.status, forecast.performed, forecast.exit_code) == ("completed", 12, 0)
    assert 40 < forecast.seconds < 48
    assert 25 < forecast.waiting_seconds < forecast.seconds
    short = plan(
        narrative_text(12, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait", max_wait_seconds=5), TOKENS
    )
    assert (short.status, short.performed) == ("budget_exhausted", 5)


def test_of_two_windows_the_one_that_is_full_first_binds(plan: Plan) -> None:
    settings = LIMITS + "rpm = 3\ntpm = 100000\nrpd = 1000\n"
    forecast = plan(narrative_text(5, estimated_tokens_per_iteration=1000), settings)
    assert forecast.binding is not None
    assert forecast.binding.window == "requests/60s"
    narrow = plan(narrative_text(5, estimated_tokens_per_iteration=40_000), settings)
    assert narrow.binding is not None
    assert narrow.binding.window == "tokens/60s"


def test_a_run_that_uses_a_part_of_the_limits_ends_sooner(plan: Plan) -> None:
    half = plan(narrative_text(8), LIMITS + "rpm = 6\n", multipliers=Multipliers(rpm_multiplier=0.5))
    assert (half.status, half.performed) == ("budget_exhausted", 3)


def test_the_tier_and_the_tenant_of_a_run_are_reckoned_with(plan: Plan) -> None:
    settings = LIMITS + "rpm = 2\n[providers.echo.tiers.u]\nrpm = 5\n[budgets.tenants.acme]\nrpm = 4\n"
    forecasts = [
        plan(narrative_text(8), settings, run_options=run_options)
        for run_options in (
            RunOptions(),
            RunOptions(tiers={"echo": "u"}),
            RunOptions(tiers={"echo": "u"}, tenant="acme"),
        )
    ]
    assert [forecast.performed for forecast in forecasts] == [2, 5, 4]
    assert [forecast.binding and forecast.binding.scope for forecast in forecasts] == [
        "echo/echo@t",
        "echo/echo@u",
        "tenant:acme",
    ]


def test_another_model_is_reckoned_with(plan: Plan) -> None:
    acts = '[acts.one]\nprompt = "x"\nmodel = ["echo/echo", "echo/echo-2"]'
    settings = TOKENS + "[providers.echo.tiers.t.models.echo-2]\nwindows = [WINDOW]\n".replace(
        "WINDOW", '{ metric = "tokens", limit = 2000, period_seconds = 20 }'
    )
    forecast = plan(narrative_text(9, acts, estimated_tokens_per_iteration=1000), settings)
    assert (forecast.status, forecast.performed) == ("budget_exhausted", 7)


def test_calls_last_and_run_side_by_side(plan: Plan) -> None:
    one_by_one = plan(narrative_text(40), call_seconds=10)
    side_by_side = plan(narrative_text(40, concurrency=8), call_seconds=10)
    few_slots = plan(narrative_text(40, concurrency=8), "[worker]\nthreads = 2\n", call_seconds=10)
    assert one_by_one.seconds == pytest.approx(402, abs=1)
    assert side_by_side.seconds == pytest.approx(50, abs=1)
    assert few_slots.seconds == pytest.approx(201, abs=1)


def test_a_cap_of_the_run_ends_it(plan: Plan) -> None:
    forecast = plan(narrative_text(9, estimated_tokens_per_iteration=1000, max_tokens_total=3500))
    assert (forecast.status, forecast.performed) == ("budget_exhausted", 3)
    assert forecast.reason is not None
    assert "max_tokens_total" in forecast.reason


def test_a_very_long_run_goes_on_at_its_pace(plan: Plan) -> None:
    text = narrative_text(1_000_000, estimated_tokens_per_iteration=10, on_budget_exhausted="wait")
    forecast = plan(text, LIMITS + "rpm = 10\n")
    assert (forecast.status, forecast.performed) == ("completed", 1_000_000)
    assert forecast.seconds == pytest.approx(1_000_000 / 10 * 60, rel=0.02)
    assert any("were simulated" in note for note in forecast.notes)


def test_iteration_larger_than_a_window_is_refused_with_the_numbers(plan: Plan) -> None:
    with pytest.raises(InvalidInput, match="6,000 requested, but tokens/20s allows 5,000 in all"):
        plan(narrative_text(1, estimated_tokens_per_iteration=6000), TOKENS)


def test_only_commands_that_write_are_effects(plan: Plan) -> None:
    forecast = plan(narrative_text(7, WRITES), rehearse=True)
    assert [
        (effect.act, effect.command, effect.times, effect.may_be_skipped, effect.is_rehearsed)
        for effect in forecast.effects
    ] == [("make", "channels.create", 7, True, True)]
    assert forecast.requests.worst == 0
    assert float(forecast.cost_usd.worst) == 0.0  # type: ignore[union-attr]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name in [
        variable
        for variable in os.environ
        if variable.startswith("BOTTICELLI_") or variable in ("DATABASE_URL", "REDIS_URL")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BOTTICELLI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("botticelli.toml").write_text(TOKENS)
    Path("test.toml").write_text(narrative_text(8, 'one = "Hello {var.who}"', estimated_tokens_per_iteration=1000))
    return lambda *arguments: CliRunner().invoke(root, list(arguments))


def test_plan_says_it_in_words_and_starts_nothing(call: Callable[..., Result]) -> None:
    missing = call("plan", "test.toml")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "no value for {var.who}" in missing.stderr
    result = call("plan", "test.toml", "--var", "who=you")
    assert result.exit_code == 0
    assert "ends      budget exhausted: 5 of 8 iterations, exit code 3" in result.stdout
    assert "no services are running" in result.stdout
    assert not Path("home").exists()


def test_plan_as_json(call: Callable[..., Result]) -> None:
    Path("test.toml").write_text(narrative_text(8, 'one = "Hello"', estimated_tokens_per_iteration=1000))
    result = call("plan", "test.toml", "-n", "3", "--json", "--call-seconds", "2")
    printed = json.loads(result.stdout)
    assert (printed["performed"], printed["status"], printed["is_live"]) == (3, "completed", False)
    assert {key: float(value) for key, value in printed["cost_usd"].items()} == {"low": 0, "expected": 0, "worst": 0}
    assert printed["acts"][0]["seconds_source"] == "given"
    assert printed["binding"] is None


def test_worst_case_of_a_typed_answer_has_a_repair(plan: Plan) -> None:
    act = '[acts.one]\nprompt = "1234567890"\nmax_tokens = 90\n'
    schema = 'schema = {type = "object", required = ["a"], properties = {a = {type = "string"}}}\n'
    plain, typed = (plan(narrative_text(2, text, retries=0), LIMITS + PRICES) for text in (act, act + schema))
    (forecasted,) = typed.acts
    assert (plain.requests.worst, typed.requests.worst) == (2, 4)
    assert typed.tokens is not None and forecasted.tokens is not None and forecasted.repair_tokens is not None
    assert forecasted.repair_tokens == forecasted.tokens.worst + 90 + REPAIR_TOKENS
    assert typed.tokens.worst == 2 * (forecasted.tokens.worst + forecasted.repair_tokens)
    assert typed.tokens.expected == 2 * forecasted.tokens.expected
    assert forecasted.reserved_tokens == forecasted.tokens.expected + forecasted.repair_tokens
    assert typed.cost_usd is not None and typed.cost_usd.worst > 2 * typed.cost_usd.expected
