"""The life of a worker process: started before its servers, deaf, restarted under load, beside another version."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from celery import Celery
from sqlalchemy import text
from sqlalchemy.engine import make_url

from botticelli import services
from botticelli.client import Client
from botticelli.messages import QUEUE, run_id_for
from botticelli.services import Membership
from botticelli.store import Iteration
from tests.support.fleet.gate import NOTHING, with_gate
from tests.support.fleet.processes import BIN, House, Process
from tests.support.fleet.wrong_clock import CLOCK
from tests.support.narratives import narrative_text
from tests.support.promises import violations
from tests.support.servers.proxy import Proxy
from tests.support.waiting import wait_until

LEAN = ("--without-mingle", "--without-gossip")
SLOW = "BOTTICELLI_DRIVERS__ECHO__LATENCY_SECONDS"
NOT_STALLED_SECONDS = 9
"""A probe that waits for so long was not only met by a machine that stood still for some seconds."""


@pytest.fixture
def servers(house: House) -> Iterator[Membership]:
    """Up for as long as the test, whatever its workers do."""
    with services.join(house.home) as membership:
        yield membership


def seconds_of_silence(house: House) -> float:
    """How long the last probe has been unanswered."""
    with house.client() as client, client._runtime.store.transaction() as tx:
        probe = tx.probes.unanswered(QUEUE)
    return 0 if probe is None else probe.silent_seconds


def is_said_to_be_deaf(house: House, run_id: str) -> bool:
    why = house.json("runs", "why", run_id, "--json")
    return why["cause"] == "worker_trouble" and "is stalled" in why["summary"]


def redis_socket(servers: Membership) -> Path:
    return Path(servers.redis_url.removeprefix("unix://").partition("?")[0])


def postgres_socket(servers: Membership) -> Path:
    host = make_url(servers.database_url).query["host"]
    return next(Path(str(host)).glob(".s.PGSQL.*[0-9]"))


def iterations(house: House, run_id: str) -> list[Iteration]:
    with house.client() as client, client._runtime.store.transaction() as tx:
        return tx.iterations.of_run(run_id)


def performing(house: House, run_id: str) -> bool:
    return any(iteration.status == "running" for iteration in iterations(house, run_id))


def enqueue(house: House, iterations: int, **carousel: object) -> str:
    house.write("n.toml", narrative_text(iterations, estimated_tokens_per_iteration=100, **carousel))
    return house.run("run", "n.toml", "--detach").stdout.strip()


def test_stalled_worker_exits_and_another_continues(house: House, servers: Membership) -> None:
    house.settings |= {"BOTTICELLI_WORKER__PROBE_TIMEOUT_SECONDS": "3"}
    house.settings |= {"BOTTICELLI_WORKER__PROBE_INTERVAL_SECONDS": "0.5"}
    with Proxy(redis_socket(servers), swallowed=b"BRPOP") as proxy:
        url = {"BOTTICELLI_REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
        deaf = house.worker(environ=url | {"BOTTICELLI_WORKER__EXIT_WHEN_STALLED": "false"})
        run_id = enqueue(house, 1)
        wait_until(lambda: is_said_to_be_deaf(house, run_id), "`runs why` to say it")
        wait_until(lambda: "consumer_stalled" in deaf.text(), "the log to say it")
        wait_until(lambda: "stalled" in house.run("doctor").stdout, "the doctor to say it")
        wait_until(lambda: house.run("doctor", "--live").returncode == 1, "the doctor's exit code")
        assert deaf.stop() == 0
        ends = house.worker(environ=url)
        assert ends.popen.wait(240) == 75, ends.text()
    assert "a probe of" in ends.text() and "Traceback" not in ends.text()
    house.settings["BOTTICELLI_WORKER__PROBE_TIMEOUT_SECONDS"] = str(NOT_STALLED_SECONDS)
    gate = with_gate(house, answered=".*")
    busy = house.worker("--concurrency", "1")
    with house.client() as client:
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 1
        gate.open(NOTHING)
        before = len(gate.begun())
        slow = enqueue(house, 1)
        wait_until(lambda: len(gate.begun()) > before, "the call")
        wait_until(lambda: seconds_of_silence(house) > NOT_STALLED_SECONDS + 2, "a probe that nobody answers")
        assert busy.popen.poll() is None and "consumer_stalled" not in busy.text(), "with no free thread it is not deaf"
        gate.open()
        assert client.wait(slow, timeout_seconds=240).successful_iterations == 1
    assert busy.popen.poll() is None, busy.text()
    alive = house.json("doctor", "--live", "--json")
    assert [check["state"] for check in alive["checks"]] == ["ok"]
    assert busy.stop() == 0
    assert "no worker on" in house.run("doctor", "--live").stdout


@pytest.mark.parametrize("again", [None, signal.SIGTERM, signal.SIGQUIT])
def test_a_call_that_takes_too_long_is_handed_back_at_once(house: House, again: signal.Signals | None) -> None:
    """No lease has to run out: it is 1000 s long."""
    house.settings |= {SLOW: "600", "BOTTICELLI_WORKER__LEASE_SECONDS": "1000"}
    house.settings["BOTTICELLI_WORKER__SHUTDOWN_GRACE_SECONDS"] = "1" if again is None else "500"
    worker = house.worker()
    run_id = enqueue(house, 1)
    wait_until(lambda: performing(house, run_id), "the call")
    worker.popen.send_signal(signal.SIGTERM)
    if again is not None:
        wait_until(lambda: "worker_ends" in worker.text(), "the worker to be ending")
        worker.popen.send_signal(again)
    assert worker.popen.wait(240) == 0, worker.text()
    assert [(iteration.status, iteration.attempt) for iteration in iterations(house, run_id)] == [("queued", 1)]
    house.settings[SLOW] = "0"
    house.worker()
    with house.client() as client:
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 1
        assert violations(client._runtime, run_id, calls_lost=1) == []


def test_a_rolling_restart_under_load_fails_and_doubles_nothing(house: House, servers: Membership) -> None:
    """Two workers end by SIGTERM, one is killed soon after it, as containers are: it may cost what it was performing."""
    house.settings |= {SLOW: "0.3", "BOTTICELLI_WORKER__SHUTDOWN_GRACE_SECONDS": "30"}
    fleet = [house.worker(*LEAN, "--concurrency", "2") for _ in range(3)]
    runs = []
    with house.client() as client:
        for turn, old in enumerate(list(fleet)):
            fleet.append(house.worker(*LEAN, "--concurrency", "2"))
            runs.append(enqueue(house, 60, concurrency=6))
            wait_until(lambda run=runs[-1]: client.result(run).successful_iterations >= 4, "progress")
            if turn == 1:
                old.popen.send_signal(signal.SIGTERM)
                old.kill()
            else:
                assert old.stop() == 0, old.text()
        results = [client.wait(run, timeout_seconds=240) for run in runs]
        assert [(result.successful_iterations, result.failed_iterations) for result in results] == [(60, 0)] * 3
        lost = [violations(client._runtime, run, calls_lost=2) for run in runs]
        assert lost == [[], [], []]


def test_servers_that_come_late_and_go_for_seconds(house: House, servers: Membership) -> None:
    own = make_url(servers.database_url)
    with Proxy(redis_socket(servers)) as redis, Proxy(postgres_socket(servers)) as postgres:
        redis.refuse()
        postgres.refuse()
        database = own.set(host="127.0.0.1", port=postgres.port, query={}).render_as_string(hide_password=False)
        urls = {"BOTTICELLI_DATABASE_URL": database, "BOTTICELLI_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        assert house.run("db", "upgrade").returncode == 0
        timing = {SLOW: "0.2", "BOTTICELLI_WORKER__LEASE_SECONDS": "2", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
        worker = house.start(str(BIN / "celery"), "-A", "botticelli", "worker", "-l", "INFO", environ=urls | timing)
        wait_until(lambda: "Redis can't be reached" in worker.text(), "the worker to miss Redis")
        redis.accept()
        wait_until(lambda: "Postgres can't be reached" in worker.text(), "the worker to miss Postgres")
        postgres.accept()
        wait_until(lambda: " ready." in worker.text(), "the worker to be ready")
        with house.client() as client:
            for proxy in (postgres, redis):
                run_id = enqueue(house, 30, concurrency=3)
                wait_until(lambda run=run_id: client.result(run).successful_iterations >= 3, "progress")
                missed = worker.text().count("sweep_interrupted")
                proxy.refuse()
                wait_until(lambda missed=missed: worker.text().count("sweep_interrupted") > missed, "trouble")
                proxy.accept()
                assert client.wait(run_id, timeout_seconds=240).successful_iterations == 30
                assert len(house.json("runs", "show", run_id, "--json")["iterations"]) == 30
        assert worker.popen.poll() is None
        assert "Traceback" not in worker.text().partition(" ready.")[0]
        assert worker.stop() == 0


def sweep_of(client: Client) -> tuple[str, datetime] | None:
    """Return the worker that swept last for the fleet, and the time."""
    with client._runtime.store.transaction() as tx:
        row = tx.connection.execute(text("select worker, taken_at from duties where name = 'sweep'")).first()
    return None if row is None else (row.worker, row.taken_at)


def test_a_worker_whose_clock_is_two_hours_ahead_changes_nothing(house: House, servers: Membership) -> None:
    """Leases go by the clock of Postgres, windows by that of Redis; what its broker restores too early is claimed."""
    gate = with_gate(house)
    usual = house.worker(*LEAN, "--concurrency", "2", environ={"BOTTICELLI_WORKER__SWEEP_INTERVAL_SECONDS": "1000"})
    house.write("n.toml", narrative_text(4, estimated_tokens_per_iteration=100, concurrency=4))
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    wait_until(lambda: len(gate.begun()) == 2, "the first calls")
    ahead = house.worker("--concurrency", "2", environ={CLOCK: str(house.write("clock", "7200"))})
    wait_until(lambda: len(gate.begun()) == 4, "its calls")
    with house.client() as client:
        begun = len(sweeps := {sweep_of(client)})
        wait_until(lambda: sweeps.add(sweep_of(client)) or len(sweeps) >= begun + 2, "two sweeps by the wrong clock")
        gate.open()
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 4
        assert violations(client._runtime, run_id, calls_lost=0) == []
    assert {worker.rpartition(":")[2] for worker, _ in sweeps - {None}} == {str(ahead.pid)}
    assert {iteration.attempt for iteration in iterations(house, run_id)} == {1}
    assert len({iteration.worker for iteration in iterations(house, run_id)}) == 2
    assert [worker.stop() for worker in (usual, ahead)] == [0, 0]


def test_messages_of_other_versions_are_understood_or_refused(house: House, servers: Membership) -> None:
    house.write("narratives/digest.toml", narrative_text(1))
    worker = house.worker()
    run_id = enqueue(house, 1)
    app = Celery(broker=servers.redis_url.replace("unix://", "redis+socket://", 1))
    app.conf.broker_transport_options = {"global_keyprefix": "botticelli:"}

    def send(task: str, version: int | None, **kwargs: object) -> None:
        headers = None if version is None else {"botticelli_wire": version}
        app.send_task(f"botticelli.{task}", kwargs=kwargs, queue="botticelli", ignore_result=True, headers=headers)

    with house.client() as client:
        client.wait(run_id, timeout_seconds=240)
        send("run_iteration", 2, run_id=run_id, number=1)
        send("run_iteration", 1, run_id=run_id, number=1, priority="high")
        send("run_iteration", None, run_id=run_id, number=[1])
        send("run_iteration", None)
        send("not_known_yet", 2, run_id=run_id)
        send("enqueue", None, narrative="digest", idempotency_key="old")
        send("enqueue", 2, narrative="digest", idempotency_key="x", run_id="newer")
        send("enqueue", 1, narrative="digest", run_id="unknown", priority="high")
        send("enqueue", 1, narrative="digest", run_id="wrong", iterations="many")
        assert client.wait(run_id_for("old"), timeout_seconds=240).successful_iterations == 1
        reasons = {
            run_id: client.wait(run_id, timeout_seconds=240).reason or "" for run_id in ("newer", "unknown", "wrong")
        }
    assert "wire version 2, this worker supports up to 1; upgrade the workers before" in reasons["newer"]
    assert "unknown option priority" in reasons["unknown"]
    assert "iterations must be a whole number, not a string" in reasons["wrong"]
    wait_until(lambda: worker.text().count("message_not_understood") >= 3, "the three that are not understood")
    assert worker.text().count("message_not_understood") == 3
    app.close()
    assert worker.stop() == 0


def test_a_request_waits_for_a_database_that_is_away(house: House, servers: Membership) -> None:
    """The message is all there is of it: it is stored later, or by the next worker."""
    house.write("narratives/digest.toml", narrative_text(1))
    own = make_url(servers.database_url)
    assert house.run("db", "upgrade").returncode == 0
    with Proxy(postgres_socket(servers)) as postgres:
        database = own.set(host="127.0.0.1", port=postgres.port, query={}).render_as_string(hide_password=False)
        first = house.worker(environ={"BOTTICELLI_DATABASE_URL": database, "BOTTICELLI_REDIS_URL": servers.redis_url})
        postgres.refuse()
        with house.client() as client:
            handle = client.enqueue("digest", idempotency_key="patience")
            wait_until(lambda: "request_waits" in first.text(), "the request to wait")
            assert stopped(first) == 0
            house.worker()
            assert handle.wait(timeout_seconds=240).successful_iterations == 1


def stopped(worker: Process) -> int:
    os.kill(worker.pid, signal.SIGTERM)
    return worker.popen.wait(240)
