"""A server that loses everything while many spend from it: what all of them were granted stays within the day."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from redis import Redis

from botticelli.budget import Amounts, PastCharge, RedisBudget, Scope, Window

SPENDERS = 6
LIMIT = 3_000
DAY = Scope("day", (Window("requests", LIMIT, 86_400),))
ONE = Amounts(1)


class Ledger:
    """Charges are recorded before they are asked for, and taken back when they were refused."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.charges: list[PastCharge] = []
        self.calls = 0

    def __call__(self, scopes: Sequence[Scope]) -> Sequence[PastCharge]:
        with self.lock:
            self.calls += 1
            return list(self.charges)

    def spend(self, budget: RedisBudget, at_ms: int) -> bool:
        with self.lock:
            self.charges.append(PastCharge(DAY.name, ONE, at_ms))
        if budget.charge(DAY, ONE) is None:
            return True
        with self.lock:
            self.charges.pop()
        return False


def test_grants_around_two_losses_stay_within_the_day(socket: str) -> None:
    ledger, granted = Ledger(), [0] * SPENDERS
    losses = {0.3: threading.Event(), 0.6: threading.Event()}

    def spend(number: int) -> None:
        with Redis(unix_socket_path=socket) as client:
            budget = RedisBudget(client, reseed=ledger)
            while ledger.spend(budget, int(client.time()[0]) * 1000):
                granted[number] += 1
                for share, lost in losses.items():
                    if sum(granted) > (share + 0.2) * LIMIT:
                        lost.wait(60)  # it comes before the end, however slow this machine is

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(SPENDERS)]
    for thread in threads:
        thread.start()
    with Redis(unix_socket_path=socket) as client:
        for share, lost in losses.items():
            while sum(granted) < share * LIMIT and any(thread.is_alive() for thread in threads):
                client.ping()
            client.flushall()
            lost.set()
    for thread in threads:
        thread.join(timeout=60)
    assert ledger.calls >= 3
    # Each of the three times that the ledger is asked, as many charges as there are spenders may count twice.
    assert LIMIT - 3 * SPENDERS <= sum(granted) <= LIMIT
