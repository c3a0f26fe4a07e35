"""Real SDKs, real workers, servers that are not ours: by settings of the environment alone, and within their limits."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botticelli.testing.discord import GUILD, TOKEN, FakeDiscord, serving
from botticelli.testing.providers import JSON, FakeProvider, Limits
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import at_best, slowness

NARRATIVES = Path(__file__).parents[3] / "narratives"
DIGEST = NARRATIVES / "examples" / "daily_digest.toml"
WELCOME = NARRATIVES / "discord" / "welcome_carousel.toml"
HOUR = re.compile(r"number (\d+), for people")
MODELS = {
    "gemini": "gemini/gemini-3.8-flash",
    "anthropic": "anthropic/claude-sonnet-5-5",
    "openai": "openai/gpt-6-luna",
}
KEY = "sk-canary-in-the-environment"
REQUESTS, TOKENS, PERIOD_SECONDS, CALLS = 30, 15_000, 7.0, 150
GUARD_SECONDS = 0.25
LATE_SECONDS = 0.38
"""How late a draw may come on an idle machine: a twentieth of the minute."""


def point_at(house: House, server: FakeProvider, tier: dict[str, Any]) -> None:
    driver = server.wire.upper()
    house.settings |= {
        "BOTTICELLI_DEFAULT_MODEL": MODELS[server.wire],
        f"BOTTICELLI_DRIVERS__{driver}__BASE_URL": server.url,
        f"BOTTICELLI_PROVIDERS__{driver}": json.dumps({"default_tier": "t", "tiers": {"t": tier}}),
        f"{driver}_API_KEY": KEY,
    }


@pytest.fixture
def discord(house: House) -> Iterator[FakeDiscord]:
    house.rehearses = False
    with serving() as fake:
        house.settings |= {"BOTTICELLI_PLATFORMS__DISCORD__BASE_URL": fake.url}
        house.settings |= {"DISCORD_TOKEN": TOKEN, "TEST_GUILD_ID": GUILD}
        yield fake


def perform(house: House, server: FakeProvider, narrative: Path, iterations: int) -> str:
    """A whole run; every answer of the server is in its result. What `runs show` says of it."""
    counted = server.counted_tokens
    code, lines = house.json_lines("run", str(narrative), "--iterations", str(iterations), "--json")
    assert code == 0, lines
    result = lines[-1]
    assert (result["completed"], result["successful_iterations"]) == (True, iterations)
    assert result["input_tokens"] + result["output_tokens"] == server.counted_tokens - counted
    return house.run("runs", "show", "latest", "--json", "--acts").stdout + json.dumps(lines)


@pytest.mark.parametrize("wire", list(MODELS))
def test_the_founding_narratives_run_by_each_sdk(house: House, discord: FakeDiscord, wire: Any) -> None:
    """A worker, the digest with its three acts an iteration, and the welcomes, which are posted."""
    digests, hours = 3, 5

    def answer(prompt: str) -> str:
        hours_named = HOUR.findall(prompt)
        return f"Welcome at {hours_named[-1]}." if hours_named else JSON if "JSON" in prompt else "A digest."

    with FakeProvider(wire, cached_tokens=1, answer=answer) as server:
        point_at(house, server, {})
        worker = house.worker()
        shown = perform(house, server, DIGEST, digests)
        assert len(server.received) == 3 * digests
        shown += perform(house, server, WELCOME, hours)
        welcomes = json.dumps([call.body for call in server.received[3 * digests :]])
        assert welcomes.count("You are ContentGenerator.") == len(server.received) - 3 * digests == hours
        assert KEY in str(server.received[0].headers)
        tried = house.json("doctor", "--call", wire, "--json")
        assert [check["state"] for check in tried["checks"] if check["name"] == "call"] == ["ok"]
        assert set(server.statuses()) == {200}
        assert worker.stop() == 0
    (channel,) = discord.channels("welcome")
    assert sorted(discord.contents(channel["id"])) == [f"Welcome at {hour}." for hour in range(1, hours + 1)]
    assert discord.count("POST .*/channels$") == 1
    shown += json.dumps(tried)
    assert MODELS[wire] in shown and f"{wire}: SDK installed" in shown and "API_KEY is set" in shown
    logs = "".join(process.text() for process in house.started)
    assert not any(secret in shown + logs for secret in (KEY, TOKEN))


def test_a_server_with_limits_is_used_to_the_full_and_never_refuses(house: House) -> None:
    """The limits are 30 requests and 15,000 tokens a minute, with a minute of seven seconds.

    By the Budget's clock, the 31st draw after any other comes a minute and the guard later, or little more where a busy
    machine delays neither. The server refuses none that comes within the guard.
    """
    assert at_best(lambda: shortest_gap(house) <= PERIOD_SECONDS + GUARD_SECONDS + LATE_SECONDS * slowness())


def shortest_gap(house: House) -> float:
    """Use the limits up, and return how many seconds after a draw the 31st comes at best."""
    prompt = "x" * 400 + " {iteration}"
    windows = [
        {"metric": "requests", "limit": REQUESTS, "period_seconds": PERIOD_SECONDS},
        {"metric": "tokens", "limit": TOKENS, "period_seconds": PERIOD_SECONDS},
    ]
    with FakeProvider("openai", limits=Limits(REQUESTS, TOKENS, PERIOD_SECONDS), output_tokens=390) as server:
        point_at(house, server, {"windows": windows})
        house.settings |= {"BOTTICELLI_BUDGET__GUARD_MS": str(round(GUARD_SECONDS * 1000))}
        figures = {
            "estimated_tokens_per_iteration": TOKENS // REQUESTS,
            "concurrency": 16,
            "on_budget_exhausted": "wait",
        }
        house.write("n.toml", narrative_text(CALLS, f'one = "{prompt}"', **figures))
        code, lines = house.json_lines("run", "n.toml", "--json", timeout_seconds=240)
        assert (code, lines[-1]["successful_iterations"]) == (0, CALLS)
    with house.client() as client, client._runtime.store.transaction() as tx:
        draws = sorted((row["number"], row["drawn_at"].timestamp()) for row in tx.ledger.of_run(lines[-1]["run_id"]))
    late = [number for (number, at), came in zip(draws, arrivals(server), strict=True) if came - at > GUARD_SECONDS]
    assert server.statuses() == [200] * CALLS or late
    moments = sorted(at for _, at in draws)
    shortest = min(later - at for at, later in zip(moments, moments[REQUESTS:], strict=False))
    assert shortest >= PERIOD_SECONDS
    return shortest


def arrivals(server: FakeProvider) -> list[float]:
    """When each call came, in the order of iterations, by the clock of this machine, which is that of its Redis too."""
    ahead = time.time() - time.monotonic()
    numbered = [(int(str(call.body["messages"][-1]["content"]).split()[-1]), call.at) for call in server.received]
    return [at + ahead for _, at in sorted(numbered)]


def test_anthropic_with_one_key_and_nothing_else_is_admitted_at_the_rate_of_its_entry_tier(
    house: House, tmp_path: Path
) -> None:
    """160 calls of a real worker with shipped limits, against a server that enforces 1,000 requests a minute."""
    calls = 160
    with FakeProvider("anthropic", limits=Limits(1_000, 2_400_000)) as server:
        house.settings |= {
            "BOTTICELLI_DEFAULT_MODEL": "anthropic/claude-haiku-5-5",
            "BOTTICELLI_DRIVERS__ANTHROPIC__BASE_URL": server.url,
            "ANTHROPIC_API_KEY": KEY,
        }
        house.worker()
        narrative = tmp_path / "many.toml"
        narrative.write_text(narrative_text(calls, concurrency=16))
        code, lines = house.json_lines("run", str(narrative), "--json")
    assert (code, lines[-1]["successful_iterations"]) == (0, calls)
    assert server.statuses() == [200] * calls
    assert not [line for line in lines if line.get("event") in ("run_waiting", "call_waiting")]
