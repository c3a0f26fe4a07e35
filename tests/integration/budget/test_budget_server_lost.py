"""A server that is killed in mid-run and comes back with all, none or some of its data: the day's limit holds."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Away

from botticelli.budget import Amounts, PastCharge, RedisBudget, Refusal, Scope, Window, nothing_charged
from botticelli.testing.valkey import ValkeyServer
from tests.support.waiting import wait_until

SPENDERS = 4
LIMIT = 1_500
DAY = Scope("day", (Window("requests", LIMIT, 86_400),))
ONE = Amounts(1)


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        server = ValkeyServer(Path(folder), saved=True)
        server.start()
        yield server
        server.kill()


class Ledger:
    """Charges are recorded before they are asked for. What was refused is taken back; what nobody knows stays."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.charges: list[PastCharge] = []
        self.granted = self.unknown = 0
        self.most = 0.0

    def __call__(self, scopes: Sequence[Scope]) -> Sequence[PastCharge]:
        with self.lock:
            return list(self.charges)

    def spend(self, budget: RedisBudget, at_ms: int) -> bool:
        """False when the day is used up."""
        charge = PastCharge(DAY.name, ONE, at_ms)
        with self.lock:
            self.lock.wait_for(lambda: self.granted <= self.most)
            self.charges.append(charge)
        try:
            refusal = budget.charge(DAY, ONE)
        except Away:
            with self.lock:
                self.unknown += 1
            return True
        with self.lock:
            if refusal:
                self.charges.remove(charge)
            self.granted += refusal is None
        return refusal is None

    def allow(self, share: float) -> None:
        """No more than this share of the day is spent until more is allowed: the test comes in time, however slow it is."""
        with self.lock:
            self.most = share * LIMIT
            self.lock.notify_all()

    def wait_for(self, share: float) -> None:
        wait_until(lambda: self.granted >= share * LIMIT, f"{share} of the day to be spent")


def come_back(server: ValkeyServer, data: str, copy: Path) -> None:
    """Killed, and started on the same socket."""
    server.kill()
    if data != "all":
        shutil.rmtree(server.data)
    if data in ("stale", "of an older epoch"):
        shutil.copytree(copy, server.data)
    server.start()


@pytest.mark.parametrize("data", ["all", "none", "stale", "of an older epoch"])
def test_no_more_than_the_rest_of_the_day_is_granted(server: ValkeyServer, data: str, tmp_path: Path) -> None:
    ledger, copy = Ledger(), tmp_path / "copy"
    with Redis(unix_socket_path=server.socket) as client:
        now_ms = int(client.time()[0]) * 1000
    budgets = [RedisBudget(Redis(unix_socket_path=server.socket), reseed=ledger) for _ in range(SPENDERS)]

    def spend(budget: RedisBudget) -> None:
        while ledger.spend(budget, now_ms):
            pass

    threads = [threading.Thread(target=spend, args=(budget,)) for budget in budgets]
    for thread in threads:
        thread.start()
    ledger.allow(0.4)
    ledger.wait_for(0.2)
    shutil.copytree(server.data, copy)
    if data == "of an older epoch":
        with Redis(unix_socket_path=server.socket) as client:
            client.flushall()
    ledger.allow(0.8)
    ledger.wait_for(0.6)
    come_back(server, data, copy)
    ledger.allow(2)
    for thread in threads:
        thread.join(timeout=60)
    for budget in budgets:
        budget.close()
    assert ledger.granted + ledger.unknown >= LIMIT - 3 * SPENDERS
    assert ledger.granted <= LIMIT


def test_short_windows_are_closed_for_a_period_by_a_new_server(server: ValkeyServer) -> None:
    scope = Scope("short", (Window("requests", 10, 3600),), guard_ms=0)
    past: list[PastCharge] = []
    with Redis(unix_socket_path=server.socket) as client:
        budget = RedisBudget(client, reseed=lambda _: past)
        past.append(PastCharge("short", ONE, int(client.time()[0]) * 1000 + 60_000))
        assert budget.charge(scope, ONE) is not None
        budget.block_until(scope, 0)
        server.kill()
        server.start()
        refusal = budget.charge(scope, ONE)
        budget.close()
    assert isinstance(refusal, Refusal)
    assert refusal.used == 10
    assert refusal.retry_after_ms is not None
    assert 0 < refusal.retry_after_ms <= 3_600_000


def test_server_with_the_data_id_of_its_predecessor_is_continued(server: ValkeyServer) -> None:
    def used(data_id: str, charge: Amounts) -> int:
        with Redis(unix_socket_path=server.socket) as client:
            budget = RedisBudget(client, reseed=nothing_charged, data_id=lambda: data_id)
            assert budget.charge(DAY, charge) is None
            used = budget.usage(DAY).windows[0].used
            budget.close()
        server.stop()
        server.start()
        return used

    assert used("first", Amounts(LIMIT - 2)) == LIMIT - 2
    assert [used("first", ONE), used("first", ONE)] == [LIMIT - 1, LIMIT]
    assert used("second", ONE) == 1
