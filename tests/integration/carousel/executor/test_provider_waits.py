"""Runs whose provider refuses calls: waits that are honoured, tries that are counted, and the next model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from botticelli.runtime.process import Runtime
from botticelli.store import Run
from botticelli.testing.providers import FakeProvider
from tests.support.narratives import narrative_text, perform_all, run_of, start
from tests.support.servers.raw_server import RawServer, raw_server
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]
TWO = '[acts.say]\nprompt = "Say hello."\nmodel = ["openai/gpt-6-luna", "anthropic/claude-sonnet-5-5"]'
SLOW = {"worker__inline_wait_seconds": "60"}


@pytest.fixture
def raw() -> Iterator[RawServer]:
    with raw_server() as server:
        yield server


@pytest.fixture
def second() -> Iterator[FakeProvider]:
    with FakeProvider("anthropic") as server:
        yield server


def served(make: MakeRuntime, urls: dict[str, str], **flags: str) -> Runtime:
    """A runtime without limits of its own whose drivers know these URLs."""
    bases = {f"drivers__{name}__base_url": url for name, url in urls.items()}
    free = {f"providers__{name}": '{"default_tier": "t", "tiers": {"t": {}}}' for name in urls}
    return make(default_model="openai/gpt-6-luna", **(bases | free | flags))


def outcomes(runtime: Runtime, run: Run) -> list[tuple[str, str]]:
    with runtime.store.transaction() as tx:
        return [(row["model"], row["outcome"]) for row in tx.ledger.of_run(run.id)]


def test_honoured_rate_limits_use_up_no_retry_under_wait(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["429:0.01", "429:0.01", "429:0.01", "500"]')
    run = perform_all(runtime, start(runtime, narrative_text(1, retries=1, on_budget_exhausted="wait")).id)
    assert (run.status, run.succeeded) == ("completed", 1)
    assert [outcome for _, outcome in outcomes(runtime, run)] == ["refused"] * 4 + ["settled"]


def test_rate_limits_are_tries_under_stop(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["429:0.01", "429:0.01"]')
    run = perform_all(runtime, start(runtime, narrative_text(1, retries=1)).id)
    assert run.status == "failed" and "2 tries failed" in (run.reason or "")


def test_long_rate_limit_waits_what_was_asked(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["429:36000"]')
    run = start(runtime, narrative_text(1, on_budget_exhausted="wait"))
    perform(runtime, run.id, 1)
    waiting = run_of(runtime, run.id)
    assert waiting.status == "waiting" and waiting.due_at is not None
    assert 35_990 < (waiting.due_at - waiting.now).total_seconds() < 36_006


def test_second_model_has_tries_and_backoff_of_its_own(make_runtime: MakeRuntime, second: FakeProvider) -> None:
    with FakeProvider("openai", script=["500"] * 2) as first:
        second.play("500", "500")
        runtime = served(make_runtime, {"openai": first.url, "anthropic": second.url}, **SLOW)
        run = perform_all(runtime, start(runtime, narrative_text(1, TWO, retries=1)).id)
    reason = run.reason or ""
    assert run.status == "failed" and reason.count("2 tries failed") == 2
    waits = [server.received[1].at - server.received[0].at for server in (first, second)]
    assert min(waits) >= 0.5
    assert len(first.received) == len(second.received) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, {"x-should-retry": "false"}), "not to try again"),
        ((307, {"location": "http://127.0.0.1:9/"}), "redirect"),
        ((301, {}), "redirect"),
        ((405, {}), "base_url"),
        ((410, {}), "model's name"),
        ((402, {}), "billing"),
        ((451, {}), "base_url"),
    ],
)
def test_next_model_answers_what_the_first_never_will(
    make_runtime: MakeRuntime, raw: RawServer, second: FakeProvider, answer: tuple[int, dict[str, str]], said: str
) -> None:
    (raw.status, raw.headers), raw.body = answer, {"error": {"message": "No."}}
    runtime = served(make_runtime, {"openai": f"{raw.url}/v1", "anthropic": second.url})
    run = perform_all(runtime, start(runtime, narrative_text(1, TWO)).id)
    assert run.status == "completed", run.reason
    alone = perform_all(runtime, start(runtime, narrative_text(1)).id)
    assert alone.status == "failed" and said in (alone.reason or "")
    assert outcomes(runtime, run)[-1] == ("anthropic/claude-sonnet-5-5", "settled")


def test_gemini_s_rate_limit_with_its_billing_advice_is_waited_for(make_runtime: MakeRuntime) -> None:
    with FakeProvider("gemini", script=["429-minute:0.5", "ok"]) as server:
        runtime = served(make_runtime, {"gemini": server.url}, **SLOW)
        text = narrative_text(1, '[acts.say]\nprompt = "Hi."\nmodel = "gemini/gemini-3.8-flash"')
        run = perform_all(runtime, start(runtime, text).id)
    assert (run.status, server.statuses()) == ("completed", [429, 200])
    assert server.received[1].at - server.received[0].at >= 0.5
