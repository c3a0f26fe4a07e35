"""Anthropic's shipped limits against a server that enforces the entry tier with a token bucket: no call is refused.

One clock, moved by hand, is that of the Budget and of the server.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from botticelli.budget import Amounts, RedisBudget, Refusal, Scope, nothing_charged
from botticelli.drivers import GenerateRequest, Message
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from botticelli.testing.budget_cases.clock import ManualClock
from botticelli.testing.providers import FakeProvider
from botticelli.testing.valkey import valkey_socket

LIMITS = {"requests": 1_000, "input": 2_000_000, "output": 400_000}
"""The entry tier, as the provider prints it."""
CALLS = 2_200
LATE_MS = 20
"""Longest time between a grant and the arrival of its request; within the default guard."""


class BucketProvider(FakeProvider):
    """Refuses what exceeds a token bucket of the entry tier's requests per minute."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clock = ManualClock()
        self._level, self._filled_ms = float(LIMITS["requests"]), self.clock.ms

    def over_limit(self, tokens: int) -> float | None:
        with self._lock:
            rate = LIMITS["requests"] / 60_000
            self._level = min(LIMITS["requests"], self._level + (self.clock.ms - self._filled_ms) * rate)
            self._filled_ms = self.clock.ms
            if self._level < 1:
                return (1 - self._level) / rate / 1000
            self._level -= 1
            return None


@pytest.fixture
def server() -> Iterator[BucketProvider]:
    with BucketProvider("anthropic") as provider:
        yield provider


@pytest.fixture
def runtime(tmp_path: Path, server: BucketProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A process with one key, and nothing else set but the address of the server."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    flags = {"drivers.anthropic.base_url": server.url}
    runtime = Runtime(load_settings(flags, environ={"BOTTICELLI_HOME": str(tmp_path)}, cwd=tmp_path))
    yield runtime
    runtime.close()


def spent(budget: RedisBudget, scope: Scope, name: str, clock: ManualClock) -> int:
    """Draw one call, as soon as it is granted; the number of times that it was refused before."""
    refusals = 0
    while isinstance(answer := budget.draw(name, name, scope, Amounts(1, 1_100, 100, 1_000)), Refusal):
        assert answer.retry_after_ms is not None
        clock.advance(answer.retry_after_ms)
        refusals += 1
    return refusals


def test_default_settings_admit_the_rate_of_the_entry_tier_and_no_call_is_refused(
    runtime: Runtime, server: BucketProvider
) -> None:
    clock, late, begin_ms = server.clock, random.Random(15), server.clock.ms
    model = runtime.drivers.resolve("anthropic/claude-opus-5-5")
    driver, scope = runtime.drivers.get(model.provider), runtime.scopes.of(model)
    request = GenerateRequest(model=model.model, messages=(Message("user", "Say hello."),), max_tokens=1_000)
    refusals = 0
    with valkey_socket() as socket, Redis(unix_socket_path=socket) as client:
        budget = RedisBudget(client, reseed=nothing_charged, clock_ms=clock)
        for number in range(CALLS):
            name = f"call:{number}"
            refusals += spent(budget, scope, name, clock)
            clock.advance(late.randint(0, LATE_MS) if number % 7 == 0 else 0)
            usage = driver.generate(request).usage
            budget.settle(name, name, scope, Amounts(1, usage.total_tokens, usage.input_tokens, usage.output_tokens))
            budget.release(name, [scope])
        budget.close()
    minutes = (clock.ms - begin_ms) / 60_000
    assert server.statuses() == [200] * CALLS
    assert refusals > 0
    assert (CALLS - LIMITS["requests"]) / minutes >= 0.98 * LIMITS["requests"]
