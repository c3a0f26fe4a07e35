"""Postgres and Redis from the outside: killed in the middle of a run, refused when they are unfit, behind, or away."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from typing import Any

import redis

from botticelli import services
from botticelli.testing.budget_cases.intervals import most_in_any_interval
from tests.acceptance.commands.test_run import limits
from tests.support.fleet.gate import with_gate
from tests.support.fleet.processes import BIN, House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

GRAIN_SECONDS = 1.5
"""A sliding window is exact to a part of its period, and a refusal is told a moment after it was given."""


def pid_of(house: House, service: str) -> int:
    """Once it runs, and has written it down."""
    return wait_until(
        lambda: next(status for status in services.status(house.home) if status.name == service).pid or 0,
        f"a running {service}",
    )


def test_a_run_survives_the_death_of_redis_and_of_postgres(house: House) -> None:
    house.settings |= {"BOTTICELLI_WORKER__LEASE_SECONDS": "2", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
    gate = with_gate(house, answered="say [1-5]", latency_seconds=0.1)
    text = narrative_text(30, 'one = "say {iteration}"', estimated_tokens_per_iteration=100, concurrency=2)
    house.write("n.toml", text)
    running = house.start(str(BIN / "botticelli"), "run", "n.toml", "--json")
    wait_until(lambda: {"say 6", "say 7"} <= set(gate.begun()), "two calls that wait")
    os.kill(pid_of(house, "redis"), signal.SIGKILL)
    gate.open(r"say (\d|1[0-2])")
    wait_until(lambda: {"say 13", "say 14"} <= set(gate.begun()), "iterations after the death of Redis")
    os.kill(pid_of(house, "postgres"), signal.SIGKILL)
    gate.open()
    assert running.popen.wait(240) == 0, running.text()
    run = house.json("runs", "show", "latest", "--json")
    assert run["result"]["successful_iterations"] == 30
    assert [iteration["number"] for iteration in run["iterations"]] == list(range(1, 31))
    assert all(len(iteration["acts"]) == 1 for iteration in run["iterations"])
    assert "Traceback" not in running.text()


def test_a_worker_lives_on_when_redis_dies_while_it_performs(house: House) -> None:
    """Not restarted by anybody: Celery's own consumer would end here."""
    house.settings |= {"BOTTICELLI_WORKER__LEASE_SECONDS": "3", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
    gate = with_gate(house, answered="say [1-4]", latency_seconds=0.1)
    house.write("n.toml", narrative_text(16, 'one = "say {iteration}"', concurrency=4))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        wait_until(lambda: {f"say {number}" for number in (5, 6, 7, 8)} <= set(gate.begun()), "four calls that wait")
        os.kill(pid_of(house, "redis"), signal.SIGKILL)
        gate.open()
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 16
    assert worker.popen.poll() is None, worker.text()
    assert worker.stop() == 0


def test_a_redis_that_evicts_keys_is_refused(house: House) -> None:
    with services.join(house.home) as servers:
        client = redis.Redis.from_url(servers.redis_url)
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.close()
        house.settings["BOTTICELLI_REDIS_URL"] = servers.redis_url
        worker = house.start(str(BIN / "celery"), "-A", "botticelli", "worker")
        assert worker.popen.wait(240) == 1
        assert "noeviction" in worker.text()
        assert "Traceback" not in worker.text()
        house.write("n.toml", narrative_text(1))
        done = house.run("run", "n.toml", "--detach")
    assert done.returncode == 1
    assert "allkeys-lru" in done.stderr


def test_a_configured_database_that_is_behind_is_refused_until_it_is_upgraded(house: House) -> None:
    with services.join(house.home) as servers:
        house.settings["BOTTICELLI_DATABASE_URL"] = servers.database_url
        house.write("n.toml", narrative_text(1))
        assert house.run("db", "downgrade", "base", "--yes").returncode == 0
        refused = house.run("run", "n.toml")
        assert refused.returncode == 1
        assert "botticelli db upgrade" in refused.stderr
        assert house.run("db", "status").returncode == 1
        assert house.run("db", "upgrade").returncode == 0
        assert house.run("db", "status").returncode == 0
        assert house.run("run", "n.toml").returncode == 0
        assert house.run("db", "downgrade", "base", "--yes").returncode == 0
        assert house.run("db", "status").returncode == 1


def test_servers_that_are_away_are_named_without_secrets(house: House) -> None:
    house.write("n.toml", narrative_text(1))
    house.settings["BOTTICELLI_DATABASE_URL"] = "postgresql://u:hunter2@127.0.0.1:1/d"
    house.settings["BOTTICELLI_REDIS_URL"] = "redis://:hunter2@127.0.0.1:1/0"
    done = house.run("run", "n.toml")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr or "BOTTICELLI_" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_no_secret_and_no_prompt_is_in_redis_or_in_a_log(house: House) -> None:
    """I8: canaries in the environment and in a prompt; only Postgres may hold the prompt."""
    house.settings |= {"GEMINI_API_KEY": "canary-key", "DISCORD_TOKEN": "canary-token", "BOTTICELLI_VAR_X": "fine"}
    house.settings["BOTTICELLI_DRIVERS__ECHO__ERRORS"] = '["500", "ok", "400"]'
    house.write("n.toml", narrative_text(4, 'one = "canary-prompt ${BOTTICELLI_VAR_X}"'))
    worker = house.worker("--loglevel", "DEBUG")
    with services.join(house.home) as servers:
        run_id = house.run("run", "n.toml", "--detach").stdout.strip()
        with house.client() as client:
            assert client.wait(run_id, timeout_seconds=240).failed_iterations == 1
        stored = redis.Redis.from_url(servers.redis_url)
        dump = "".join(repr(stored.dump(key)) + repr(key) for key in stored.scan_iter())
        stored.close()
    seen = worker.text() + dump
    assert run_id in seen
    for canary in ("canary-key", "canary-token", "canary-prompt"):
        assert canary not in seen


def test_a_window_outlives_a_stop_of_the_servers(house: House) -> None:
    """A window that was spent before a stop counts after it.

    Three of four requests are spent before it: one is left for the next run, and the others as those leave. When that
    is, the refusals tell: what is drawn then may come later on a busy machine.
    """
    limit, period_seconds = 4, 7
    house.write("botticelli.toml", limits(period_seconds, limit, "requests"))

    def perform(iterations: int) -> list[dict[str, Any]]:
        house.write("n.toml", narrative_text(iterations, on_budget_exhausted="wait", concurrency=limit))
        code, lines = house.json_lines("run", "n.toml", "--json")
        assert (code, lines[-1]["successful_iterations"]) == (0, iterations)
        return lines

    def drawn_by(lines: list[dict[str, Any]]) -> list[datetime]:
        with house.client() as client, client._runtime.store.transaction() as tx:
            return [row["drawn_at"] for row in tx.ledger.of_run(lines[-1]["run_id"])]

    before = perform(limit - 1)
    stopped = house.run("services", "down")
    assert stopped.returncode == 0, stopped.stderr
    after = perform(limit)
    spent = drawn_by(before)
    charges = [(round(at.timestamp() * 1000), 1) for at in (*spent, *drawn_by(after))]
    assert len(charges) == limit - 1 + limit
    assert most_in_any_interval(charges, period_seconds * 1000) <= limit
    events = [line["event"] for line in after]
    first = events.index("iteration_started")
    assert "run_waiting" not in events[:first], "what was left is granted at once"
    for wait in [line for line in after if line["event"] == "run_waiting"]:
        due = datetime.fromisoformat(wait["at"]) + timedelta(seconds=wait["retry_after_seconds"])
        assert due <= max(spent) + timedelta(seconds=period_seconds + GRAIN_SECONDS)
