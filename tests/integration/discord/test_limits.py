"""Discord's limit for all requests of one bot: one scope of the Budget, and a stop well before it locks us out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from botticelli.cli.budget.budget_explain import lines
from botticelli.cli.budget.lower_limits import lower, pause, resume
from botticelli.errors import PlatformError, PlatformTransient, SettingsError
from botticelli.monitoring.budgets.explanation import explanation
from botticelli.runtime.process import Runtime
from botticelli.testing.discord import GUILD, FakeDiscord, Fault
from tests.support.clocked import wake, with_clock
from tests.support.commands import act, play
from tests.support.narratives import perform_all
from tests.support.waiting import at_best, wait_until

OnDiscord = Callable[..., Runtime]
GLOBAL, INVALID = "discord/global", "discord/invalid"
PER_SECOND = "platforms__discord__options__requests_per_second"
MOST_INVALID = "platforms__discord__options__invalid_requests"


def look(runtime: Runtime) -> Any:
    return runtime.platforms.get("discord").execute("channels.list", {"guild_id": GUILD}, "").data


def usage(runtime: Runtime, scope: str) -> Any:
    return explanation(runtime, scope)["usage"]


def test_all_processes_share_one_global_limit(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    """Two of them want more than it allows; Discord, which counts as well, never has to refuse."""
    discord.limits = {".*": (10, 1.0)}
    keys = {PER_SECOND: "10", "budget__guard_ms": "300", "worker__inline_wait_seconds": "60"}
    runtimes = [on_discord(**keys) for _ in range(2)]

    def is_never_refused() -> bool:
        """As long as no request stands still for longer than the guard, between its grant and Discord."""
        wait_until(lambda: usage(runtimes[0], GLOBAL).windows[0].used == 0, "the window to be open")
        discord.requests.clear()
        began = time.monotonic()
        with ThreadPoolExecutor(4) as threads:
            asking = [
                threads.submit(lambda runtime=runtime: [look(runtime) for _ in range(6)]) for runtime in runtimes * 2
            ]
        assert [future.result() for future in asking] == [[[]] * 6] * 4
        assert time.monotonic() - began > 2, "24 requests at 10 in a second"
        return [request.status for request in discord.requests] == [200] * 24

    assert at_best(is_never_refused, seconds=60)
    said = "\n".join(lines(explanation(runtimes[0], GLOBAL)))
    assert "platforms.discord.options.requests_per_second" in said
    assert [window.window.limit for window in usage(runtimes[1], GLOBAL).windows] == [10]


def test_global_429_closes_the_limit_for_all_processes(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    discord.faults = [Fault("GET", "429-global", seconds=300)]
    first, other = (on_discord(worker__inline_wait_seconds="60") for _ in range(2))
    for runtime in (first, other):
        with pytest.raises(PlatformTransient) as waits:
            look(runtime)
        assert 200 < (waits.value.retry_after_seconds or 0) < 301
    assert "discord/global: closed by the provider" in str(waits.value)
    assert len(discord.requests) == 1
    assert usage(other, GLOBAL).blocked_for_ms > 200_000


def test_global_limit_is_lowered_and_paused_like_any_scope(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime, other = on_discord(), on_discord()
    lower(runtime, GLOBAL, "requests/1s", "0", reason="a test", until=None)
    with pytest.raises(PlatformTransient, match="requests/1s"):
        look(other)
    lower(runtime, GLOBAL, "requests/1s", "default", reason="over", until=None)
    pause(runtime, GLOBAL, reason="the guild moves", until=None)
    with pytest.raises(PlatformTransient, match="the guild moves"):
        look(on_discord())
    resume(runtime, GLOBAL, reason="")
    assert look(on_discord(worker__inline_wait_seconds="60")) == []
    assert len(discord.requests) == 1


def test_redis_that_lost_its_data_opens_the_global_limit_after_a_second(
    on_discord: OnDiscord, discord: FakeDiscord
) -> None:
    runtime = on_discord(worker__inline_wait_seconds="0")
    clock = with_clock(runtime)
    assert usage(runtime, GLOBAL).windows[0].remaining == 0, "nobody remembers anything of it at first"
    clock.advance(1100)
    look(runtime)
    runtime.redis.flushall()
    assert usage(runtime, GLOBAL).windows[0].remaining == 0
    assert usage(runtime, INVALID).windows[0].used == 0
    run, _ = play(runtime, act("made", "channels.create", guild_id=GUILD, name="news"))
    assert (run.status, len(discord.channels("news"))) == ("waiting", 0)
    clock.advance(1100)
    wake(runtime, run.id)
    assert (perform_all(runtime, run.id).status, len(discord.channels("news"))) == ("completed", 1)


def test_invalid_requests_stop_long_before_discord_bans_the_address(
    on_discord: OnDiscord, discord: FakeDiscord
) -> None:
    runtime = on_discord(**{MOST_INVALID: "3", "worker__inline_wait_seconds": "60"})
    discord.faults = [
        Fault("GET", "429-shared", times=2, seconds=0.1),
        Fault("GET", "403", times=2),
        Fault("GET", "429", seconds=0.1),
        Fault("GET", "403"),
    ]
    for _ in range(3):
        with pytest.raises(PlatformError, match="50013"):
            look(runtime)
    assert [request.status for request in discord.requests] == [429, 429, 403, 403, 429, 403]
    run, _ = play(on_discord(**{MOST_INVALID: "3"}), act("made", "channels.create", guild_id=GUILD, name="news"))
    assert (run.status, len(discord.requests)) == ("waiting", 6)
    assert "refused 3 requests within 10 minutes" in (run.reason or "")
    assert "nothing is sent until" in (run.reason or "")
    assert run.due_at is not None
    assert 500 < (run.due_at - run.now).total_seconds() < 800


@pytest.mark.parametrize("value", ["0", "fast", "10001"])
def test_impossible_limit_is_reported_at_once(on_discord: OnDiscord, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        on_discord(**{PER_SECOND: json.dumps(value)}).platforms.get("discord")
    assert "platforms.discord.options.requests_per_second" in str(error.value)
