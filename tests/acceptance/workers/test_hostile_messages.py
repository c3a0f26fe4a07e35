"""Whatever anybody puts into the queue or broadcasts: the worker lives, holds no slot for it, shows none of it, goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from botticelli.messages import ENQUEUE, PROBE, QUEUE, RUN_ITERATION
from tests.support.fleet.processes import BIN, House, Process
from tests.support.narratives import narrative_text
from tests.support.servers.odd_messages import MARKER, odd_entries, raw_entries
from tests.support.waiting import wait_until
from workers.transport.queue_messages import Refused, admit

KEY = f"botticelli:{QUEUE}"


@pytest.fixture
def worker(house: House) -> Process:
    """With two places, so that two messages that are held are the end of it."""
    house.settings |= {"BOTTICELLI_WORKER__THREADS": "2"}
    return house.worker()


def send(house: House, entries: Sequence[bytes], worker: Process) -> None:
    """Into the queue, and wait until nothing of them is left in it, nor among what a worker holds."""
    with house.client() as client:
        redis = client._runtime.redis
        for first in range(0, len(entries), 200):
            redis.lpush(KEY, *entries[first : first + 200])

        def is_done() -> bool:
            assert worker.popen.poll() is None, worker.text()[-4000:]
            return not redis.llen(KEY) and not redis.hlen("botticelli:unacked")

        wait_until(is_done, "the worker to be done with all of them")


def refusals(worker: Process) -> list[str]:
    return [line for line in worker.text().splitlines() if "message_refused" in line]


def require_an_ordinary_run(house: House, worker: Process) -> None:
    house.write("n.toml", narrative_text(4, name="ordinary"))
    done = house.run("run", "n.toml", "--no-worker")
    assert done.returncode == 0, done.stderr
    assert worker.popen.poll() is None
    assert MARKER not in worker.text()


def test_odd_messages_end_no_worker_and_hold_no_place(house: House, worker: Process) -> None:
    entries = [odd for _, odd in odd_entries(RUN_ITERATION)]
    expected = sum(isinstance(admit(odd, QUEUE), Refused) for odd in entries)
    send(house, entries, worker)
    wait_until(lambda: len(refusals(worker)) >= expected, "the worker to say of the last one that it has refused it")
    require_an_ordinary_run(house, worker)
    assert len(refusals(worker)) == expected
    assert "Traceback" not in worker.text()


@pytest.mark.parametrize("task", [ENQUEUE, PROBE])
def test_odd_requests_end_no_worker_and_hold_no_place(house: House, worker: Process, task: str) -> None:
    entries = [odd for name, odd in odd_entries(task) if name.startswith("body")]
    entries += [odd for _, odd in raw_entries(task)]
    send(house, entries, worker)
    require_an_ordinary_run(house, worker)


def test_no_broadcast_ends_or_stops_a_worker(house: House, worker: Process) -> None:
    orders = ("shutdown", "cancel_consumer botticelli", "pool_shrink 2", "rate_limit botticelli.run_iteration 1/h")
    for number, order in enumerate(orders, 1):
        words = ("-A", "botticelli", "control", "--timeout", "10", *order.split())
        sender = house.start(str(BIN / "celery"), *words)
        wait_until(
            lambda n=number: worker.text().count("remote_control_refused") == n, f"the worker to hear of {order}"
        )
        sender.kill()
    require_an_ordinary_run(house, worker)
