"""Row S7: no secret is in a log, in Redis, in Postgres, in Flower or on a terminal after a run that failed in every way."""

from __future__ import annotations

import json
from pathlib import Path

import redis
from sqlalchemy import create_engine, make_url, text

from botticelli import services
from botticelli.testing.discord import GUILD, FakeDiscord, Fault, serving
from botticelli.testing.providers import FakeProvider
from tests.acceptance.commands.test_wire import hears, read
from tests.support.fleet.ports import free_port
from tests.support.fleet.processes import BIN, House
from tests.support.waiting import wait_until

CANARIES = {
    "DISCORD_TOKEN": "canary-of-discord",
    "OPENAI_API_KEY": "sk-canary-of-openai",
    "GEMINI_API_KEY": "canary-of-gemini",
    "ANTHROPIC_API_KEY": "sk-ant-canary",
}
PASSWORD = "canary-of-postgres"
UNREACHABLE = ("Discord can't be reached: ConnectError", "unreached")
FAILING = f"""
[narrative]
name = "failing"
[narrative.carousel]
iterations = 5
continue_on_error = true
retries = 0
[acts.asked]
model = "openai/gpt-6-luna"
prompt = "Say something."
[acts.made]
[[acts.made.input]]
type = "bot_command"
command = "channels.create"
args = {{ guild_id = "{GUILD}", name = "log" }}
"""

UNREACHED = """
[narrative]
name = "unreached"
[acts.made]
retries = 0
[[acts.made.input]]
type = "bot_command"
platform = "nowhere"
command = "channels.list"
args = { guild_id = "1" }
"""


def test_no_secret_is_anywhere_after_failures(tmp_path: Path) -> None:
    house = House(tmp_path / "house", rehearses=False)
    house.folder.mkdir()
    try:
        with (
            serving(FakeDiscord(token=CANARIES["DISCORD_TOKEN"])) as discord,
            FakeProvider("openai", script=["401", "500"], echo_headers=("authorization",)) as provider,
        ):
            seen = _failures(house, discord, provider)
    finally:
        house.close()
    for shown in ("***", "channels.create", "failing", "Missing Permissions", "Discord answered 401", *UNREACHABLE):
        assert shown in seen
    for canary in (*CANARIES.values(), PASSWORD):
        assert canary not in seen


def _failures(house: House, discord: FakeDiscord, provider: FakeProvider) -> str:
    """Everything that can be read from outside."""
    house.settings |= CANARIES | {
        "BOTTICELLI_PLATFORMS__DISCORD__BASE_URL": discord.url,
        "BOTTICELLI_DRIVERS__OPENAI__BASE_URL": provider.url,
        "BOTTICELLI_PLATFORMS__NOWHERE__IMPLEMENTATION": "discord",
        "BOTTICELLI_PLATFORMS__NOWHERE__BASE_URL": f"http://127.0.0.1:{free_port()}/api/v10",
        "FLOWER_BASIC_AUTH": "me:secret",
    }
    discord.faults = [Fault("POST", "403"), Fault("POST", "drop"), Fault("POST", "401")]
    house.write("failing.toml", FAILING)
    house.write("unreached.toml", UNREACHED)
    port, results = free_port(), [house.run("doctor")]
    with services.join(house.home) as servers:
        url = make_url(servers.database_url).set(password=PASSWORD).render_as_string(hide_password=False)
        house.settings["BOTTICELLI_DATABASE_URL"] = url
        results.append(house.run("db", "upgrade"))
        worker = house.worker("--loglevel", "DEBUG")
        house.start(str(BIN / "celery"), "-A", "botticelli", "flower", "--address=127.0.0.1", f"--port={port}")
        wait_until(lambda: hears(port), "Flower to hear the worker")
        results += [house.run("run", f"{name}.toml", "--no-worker", "--json") for name in ("unreached", "failing")]
        for command in (["runs", "show", "latest", "--acts"], ["runs", "logs", "latest"], ["effects"], ["doctor"]):
            results += [house.run(*command), house.run(*command, "--json")]
        flower = json.dumps([read(port, "/api/tasks"), read(port, "/api/workers")])
        stored = redis.Redis.from_url(servers.redis_url)
        dump = "".join(repr(key) + repr(stored.dump(key)) for key in stored.scan_iter())
        stored.close()
        rows = _rows(servers.database_url)
        worker.stop()
    logs = "".join(process.text() for process in house.started)
    return "".join((*(done.stdout + done.stderr for done in results), flower, dump, rows, logs))


def _rows(url: str) -> str:
    """All rows of all tables."""
    engine = create_engine(url)
    with engine.connect() as connection:
        names = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        rows = [str(connection.execute(text(f'select * from "{name}"')).all()) for name in names]
    engine.dispose()
    return "".join(rows)
