"""A worker with processes instead of threads: its time limits, its probe, its end in time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from botticelli import services
from botticelli.services import Membership
from botticelli.testing.providers import FakeProvider
from tests.support.fleet.processes import House, Process
from tests.support.narratives import narrative_text
from tests.support.promises import violations
from tests.support.servers.proxy import Proxy
from tests.support.waiting import wait_until

MODEL = "gpt-6-luna"
HANGS = "slow:200"
SIDE_BY_SIDE = (
    'one = "Say one"\n[acts.two]\nprompt = "Say two"\nneeds = []\n[acts.three]\nprompt = "Three"\nneeds = ["one"]'
)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider("openai") as made:
        yield made


@pytest.fixture
def servers(house: House, provider: FakeProvider) -> Iterator[Membership]:
    house.settings |= {
        "BOTTICELLI_DRIVERS__OPENAI__BASE_URL": provider.url,
        "BOTTICELLI_DRIVERS__OPENAI__TIMEOUT_SECONDS": "190",
        "OPENAI_API_KEY": "sk-of-nobody",
        "BOTTICELLI_WORKER__LEASE_SECONDS": "1000",
    }
    with services.join(house.home) as membership:
        yield membership


def prefork(house: House, *options: str) -> Process:
    worker = house.worker("--pool", "prefork", "--concurrency", "2", "--without-mingle", "--without-gossip", *options)
    assert "concurrency: 2 (prefork)" in worker.text()
    return worker


def enqueue(house: House, acts: str = 'one = "Say one"', **carousel: object) -> str:
    written = narrative_text(1, acts, estimated_tokens_per_iteration=100, **carousel)
    house.write("n.toml", written.replace("[narrative]\n", f'[narrative]\nmodel = "openai/{MODEL}"\n', 1))
    done = house.run("run", "n.toml", "--detach")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("acts", ['one = "Say one"', SIDE_BY_SIDE], ids=["one after another", "side by side"])
def test_a_soft_time_limit_interrupts_a_call_that_hangs(
    house: House, servers: Membership, provider: FakeProvider, acts: str
) -> None:
    provider.play(HANGS, HANGS)
    worker = prefork(house, "--soft-time-limit", "15", "--time-limit", "240")
    run_id = enqueue(house, acts)
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=240)
        assert (result.status, result.failed_iterations) == ("failed", 1)
        assert "soft time limit" in (result.reason or "")
        assert (
            client._runtime.budget.usage(
                client._runtime.scopes.of(client._runtime.drivers.resolve(f"openai/{MODEL}"))
            ).holders
            == ()
        )
        assert "task_soft_time_limit" in (result.reason or "")
        with client._runtime.store.engine.connect() as connection:
            outcomes = connection.execute(
                text("select outcome from ledger where run_id = :id"), {"id": run_id}
            ).scalars()
            assert set(outcomes) == {"unknown"}, "charged as the estimate: the answer was lost"
        provider.stop_playing()
        again = enqueue(house)
        assert client.wait(again, timeout_seconds=240).successful_iterations == 1
    assert worker.stop() == 0


@pytest.mark.parametrize("again", [False, True], ids=["after its time", "asked twice"])
def test_it_ends_in_time_and_hands_back_what_its_children_hold(
    house: House, servers: Membership, provider: FakeProvider, again: bool
) -> None:
    """No lease has to run out: it is 100 s long."""
    house.settings["BOTTICELLI_WORKER__SHUTDOWN_GRACE_SECONDS"] = "500" if again else "1"
    provider.play(HANGS)
    worker = prefork(house)
    run_id = enqueue(house)
    wait_until(lambda: provider.received, "the call")
    worker.popen.send_signal(signal.SIGTERM)
    if again:
        wait_until(lambda: "worker_ends" in worker.text(), "the worker to be ending")
        worker.popen.send_signal(signal.SIGTERM)
    assert worker.popen.wait(240) == 0, worker.text()
    prefork(house)
    with house.client() as client:
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 1
        assert violations(client._runtime, run_id, calls_lost=1) == []
        with client._runtime.store.transaction() as tx:
            assert [iteration.attempt for iteration in tx.iterations.of_run(run_id)] == [2]


def test_a_deaf_one_says_so_and_ends(house: House, servers: Membership) -> None:
    house.settings |= {"BOTTICELLI_WORKER__PROBE_TIMEOUT_SECONDS": "3"}
    house.settings |= {"BOTTICELLI_WORKER__PROBE_INTERVAL_SECONDS": "0.5"}
    with Proxy(Path(servers.redis_url.removeprefix("unix://").partition("?")[0]), swallowed=b"BRPOP") as proxy:
        house.settings["BOTTICELLI_REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
        worker = prefork(house)
        assert worker.popen.wait(240) == 75, worker.text()
    assert "consumer_stalled" in worker.text()
