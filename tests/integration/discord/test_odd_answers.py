"""Answers that Discord doesn't give by its documentation: none is trusted, none is an internal error, no effect is left."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from botticelli.cli.main import root
from botticelli.errors import InvalidInput, PlatformError, PlatformTransient, PlatformUnknown, SettingsError
from botticelli.monitoring.diagnosis import why
from botticelli.platforms.discord.platform import DiscordPlatform
from botticelli.platforms.discord.rest.request_limits import MAX_SECONDS, parse_wait_seconds, wait_seconds
from botticelli.runtime.process import Runtime
from botticelli.testing.discord import GUILD, FakeDiscord, Fault, Odd
from tests.support.commands import create, play
from tests.support.narratives import narrative_text, perform_open, start

OnDiscord = Callable[..., Runtime]
HTML = b"<!DOCTYPE html><html><head><title>Access denied</title></head></html>"
DATE = format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True)
DEEP = b"[" * 200_000 + b"]" * 200_000
ODD_SUCCESSES = {
    "html": (HTML, {"Content-Type": "text/html"}),
    "empty": (b"", {}),
    "null": (b"null", {}),
    "text": (b'"done"', {}),
    "number": (b"7", {}),
    "cut": (b'{"id": "1', {}),
    "deep": (DEEP, {}),
    "digits": (b'{"id": ' + b"9" * 5_000 + b"}", {}),
    "infinite": (b'{"id": "1", "position": 1e999}', {}),
    "nan": (b'{"id": "1", "position": NaN}', {}),
    "not utf-8": (b'{"id": "\xff"}', {}),
    "no id": (b"{}", {}),
    "null id": (b'{"id": null}', {}),
    "odd id": (b'{"id": ["1"]}', {}),
    "list": (b"[]", {}),
    "bad gzip": (b"no gzip", {"Content-Encoding": "gzip"}),
    "half gzip": (gzip.compress(b'{"id": "1"}')[:-6], {"Content-Encoding": "gzip"}),
    "unknown packing": (b"x", {"Content-Encoding": "br"}),
}
WAITS: list[Any] = [
    -1,
    -1e300,
    0,
    float("nan"),
    float("inf"),
    1e999,
    "soon",
    "",
    [],
    {},
    [1],
    None,
    True,
    "nan",
    10**400,
    "1e400",
]


@pytest.fixture
def bot(discord: FakeDiscord) -> Iterator[DiscordPlatform]:
    made = DiscordPlatform("discord", {"base_url": discord.url})
    yield made
    made.close()


def odd(discord: FakeDiscord, pattern: str, answer: Odd, times: int = 1) -> None:
    discord.faults.append(Fault(pattern, "odd", times, odd=answer))


@pytest.mark.parametrize(
    ("kind", "done"), [*((kind, True) for kind in ODD_SUCCESSES), ("html", False), ("null id", False)]
)
def test_success_with_an_unreadable_body_is_looked_up(
    on_discord: OnDiscord, discord: FakeDiscord, kind: str, done: bool
) -> None:
    raw, headers = ODD_SUCCESSES[kind]
    odd(discord, "POST .*/channels$", Odd(200, raw, headers, done=done))
    runtime = on_discord()
    run, _ = play(runtime, create())
    assert run.status == "completed", run.reason
    [channel] = discord.channels("news")
    with runtime.store.transaction() as tx:
        [effect] = tx.effects.of_run(run.id)
    assert (effect.status, effect.output["id"]) == ("done", channel["id"])


@pytest.mark.parametrize("kind", [kind for kind in ODD_SUCCESSES if "id" not in kind])
def test_read_with_an_unreadable_body_fails_in_one_line(bot: DiscordPlatform, discord: FakeDiscord, kind: str) -> None:
    raw, headers = ODD_SUCCESSES[kind]
    odd(discord, "GET .*/channels/", Odd(200, raw, headers), times=9)
    for ask in (lambda bot: bot.execute("channels.get", {"channel_id": "1"}, ""), lambda bot: bot.locate("1")):
        with pytest.raises(PlatformError) as caught:
            ask(bot)
        assert "\n" not in str(caught.value) and "<" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (HTML, {"Content-Type": "text/html", "Retry-After": DATE}),
        (b"", {"Retry-After": DATE}),
        (DEEP, {"Retry-After": "90"}),
        (b'{"retry_after": "90"}', {}),
        (b'{"retry_after": -5}', {"Retry-After": "90"}),
        (b'{"retry_after": [1]}', {"Retry-After": "90.0"}),
        (b'{"retry_after": 1e9, "global": true}', {}),
        (b'{"retry_after": 1000000000}', {}),
    ],
)
def test_long_retry_after_is_bounded_and_the_effect_counts_as_not_performed(
    bot: DiscordPlatform, discord: FakeDiscord, raw: bytes, headers: dict[str, str]
) -> None:
    odd(discord, "POST .*/channels$", Odd(429, raw, headers), times=100)
    with pytest.raises(PlatformTransient) as caught:
        bot.execute("channels.create", {"guild_id": GUILD, "name": "news"}, "k")
    seconds = caught.value.retry_after_seconds
    assert seconds is not None and 60 < seconds <= MAX_SECONDS + 1
    assert discord.channels("news") == []


@pytest.mark.parametrize("said", ["-1", "1e999"])
def test_429_without_a_usable_wait_is_retried_after_a_pause(
    bot: DiscordPlatform, discord: FakeDiscord, said: str
) -> None:
    odd(discord, "POST .*/channels$", Odd(429, f'{{"retry_after": {said}, "global": false}}'.encode()), times=10_000)
    with pytest.raises(PlatformTransient):
        bot.execute("channels.create", {"guild_id": GUILD, "name": "news"}, "k")
    assert discord.count("POST .*/channels$") <= 12


def test_global_wait_of_thirty_years_closes_the_fleet_for_an_hour(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    odd(discord, "POST .*/channels$", Odd(429, b'{"retry_after": 1e9, "global": true}'))
    runtime = on_discord()
    run = start(runtime, narrative_text(1, create()))
    perform_open(runtime, run.id)
    with runtime.store.transaction() as tx:
        after = tx.runs.get(run.id)
    assert after.due_at is not None and after.due_at - after.now < timedelta(hours=1.5)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset-After": "soon"},
        {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset-After": "-1"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "nan"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "inf"},
        {"X-RateLimit-Remaining": "9" * 5_000, "X-RateLimit-Reset-After": "9" * 5_000},
        {"X-RateLimit-Remaining": "1.5", "X-RateLimit-Reset-After": DATE},
        {"X-RateLimit-Bucket": "b" * 5_000, "X-RateLimit-Remaining": "٣", "X-RateLimit-Reset-After": "1"},
    ],
)
def test_invalid_rate_limit_headers_fail_no_performed_command(
    on_discord: OnDiscord, discord: FakeDiscord, headers: dict[str, str]
) -> None:
    latin = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    odd(discord, "POST .*/channels$", Odd(201, b'{"id": "42", "name": "news", "type": 0}', latin))
    run, _ = play(on_discord(), create())
    assert run.status == "completed", run.reason
    assert discord.count("POST .*/channels$") == 1


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress, lambda data: zlib.compress(data)[2:-4]])
def test_compressed_answer_is_read(
    bot: DiscordPlatform, discord: FakeDiscord, packed: Callable[[bytes], bytes]
) -> None:
    raw = packed(json.dumps({"id": "42", "name": "news", "type": 0}).encode())
    encoding = "gzip" if packed is gzip.compress else "deflate"
    odd(discord, "GET .*/channels/42", Odd(200, raw, {"Content-Encoding": encoding}))
    assert bot.execute("channels.get", {"channel_id": "42"}, "").data["id"] == "42"


def test_decompression_bomb_costs_no_memory(bot: DiscordPlatform, discord: FakeDiscord) -> None:
    bomb = gzip.compress(b'{"id": "' + b"1" * 300_000_000 + b'"}', 9)
    odd(discord, "GET .*/channels/42", Odd(200, bomb, {"Content-Encoding": "gzip"}), times=9)
    tracemalloc.start()
    try:
        with pytest.raises(PlatformUnknown, match="is larger than"):
            bot.execute("channels.get", {"channel_id": "42"}, "")
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "raw",
    [b'{"code": [1], "message": {"a": 1}}', b'{"code": {}, "errors": {"_errors": 5}}', b"[]", b'"x"', HTML, DEEP,
     b'{"errors": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}", b'{"message": "' + b"m" * 100_000 + b'"}'],
)  # fmt: skip
def test_error_body_of_unexpected_shape_is_one_bounded_line(
    bot: DiscordPlatform, discord: FakeDiscord, raw: bytes
) -> None:
    for status in (400, 404):
        odd(discord, "POST .*/channels$", Odd(status, raw))
        with pytest.raises(PlatformError) as caught:
            bot.execute("channels.create", {"guild_id": GUILD, "name": "news"}, "k")
        assert f"Discord answered {status}" in str(caught.value)
        assert len(str(caught.value)) < 1_000 and "\n" not in str(caught.value)


@pytest.mark.parametrize("said", WAITS)
def test_retry_after_of_any_value_gives_a_finite_bounded_wait(said: Any) -> None:
    for headers in ({}, {"retry-after": str(said)}):
        assert 0 < wait_seconds(said, headers) <= MAX_SECONDS
    assert wait_seconds(said, {"retry-after": "1e300"}) <= MAX_SECONDS


def test_retry_after_date_is_measured_by_the_server_clock() -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC)
    then = format_datetime(now + timedelta(seconds=30), usegmt=True)
    assert parse_wait_seconds(then, format_datetime(now, usegmt=True)) == 30
    assert parse_wait_seconds(then) == 0
    assert parse_wait_seconds("Mon, 99 Foo 9999 99:99:99 GMT") is None


@pytest.mark.parametrize("token", ["“abc”", "a\nb", "abc\u200b", "ключ"])
def test_token_that_no_header_can_carry_is_reported_before_any_request(
    bot: DiscordPlatform, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", token)
    assert bot.missing_requirement() is not None and "DISCORD_TOKEN" in bot.missing_requirement()[0]  # type: ignore[index]
    with pytest.raises(PlatformError, match="the key in DISCORD_TOKEN has characters"):
        bot.execute("channels.get", {"channel_id": "42"}, "")
    assert discord.requests == []


def test_line_end_after_the_token_is_stripped(
    bot: DiscordPlatform, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", f" {os.environ['DISCORD_TOKEN']}\r\n")
    assert bot.execute("channels.list", {"guild_id": GUILD}, "").success


def test_unusable_proxy_is_reported_before_any_request(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://user:hunter2@proxy")
    runtime = on_discord()
    run, _ = play(runtime, create())
    assert run.status == "failed" and "ALL_PROXY" in (run.reason or "") and "hunter2" not in (run.reason or "")
    with runtime.store.transaction() as tx:
        assert [effect.status for effect in tx.effects.of_run(run.id)] == ["failed"]


ODD_OPTIONS: list[dict[str, Any]] = [
    {"base_url": url} for url in ("http://h:abc", "http://u:hunter2@h", "h", "http://[::1")
]
ODD_OPTIONS += [{"timeout_seconds": seconds} for seconds in ("x", "nan", -1, "1e999", [1], True, 0)]


@pytest.mark.parametrize("options", ODD_OPTIONS)
def test_option_that_makes_requests_impossible_is_a_settings_error(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        DiscordPlatform("discord", options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("resolution", ["--done", "--retry", "--abandon"])
def test_advice_about_an_unresolved_effect_is_a_working_command(
    on_discord: OnDiscord, discord: FakeDiscord, resolution: str
) -> None:
    """A run that ended with an effect announced, and no word about it."""
    runtime = on_discord()
    run, _ = play(runtime, create())
    with runtime.store.transaction() as tx:
        key = tx.effects.of_run(run.id)[0].key
        tx.effects.finish(key, "intended")
        tx.runs.set(run.id, status="failed")
    says = why(runtime, run.id).summary
    assert f"effects resolve {key[:8]} {resolution}" in says or resolution in says
    settings = runtime.settings
    flags = {"database.url": settings.database.url, "redis.url": settings.redis.url}
    words = [word for name, url in flags.items() if url for word in ("--set", f"{name}={url.get_secret_value()}")]
    words += ["--set", f"redis.prefix={settings.redis.prefix}"]
    result = CliRunner().invoke(root, [*words, "effects", "resolve", key[:8], resolution])
    assert result.exit_code == 0, result.output
    next_step = result.output.partition("`botticelli ")[2].partition("`")[0].split()
    assert next_step[:2] == ["runs", "resume"]
    assert CliRunner().invoke(root, [*words, *next_step]).exit_code == 0
    assert why(runtime, run.id).cause != "effect"


def test_effect_being_performed_can_not_be_resolved_by_hand(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime = on_discord()
    run, _ = play(runtime, create())
    with runtime.store.transaction() as tx:
        key = tx.effects.of_run(run.id)[0].key
        tx.effects.finish(key, "intended")
        tx.connection.execute(text("update iterations set status = 'running' where run_id = :run"), {"run": run.id})
    with pytest.raises(InvalidInput, match="its iteration is still running"), runtime.store.transaction() as tx:
        tx.effects.resolve(key, "done", by="ada@house")
