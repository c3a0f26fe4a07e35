"""Both budgets keep every rule of the public suite: the scripts on fakeredis, and the memory twin."""

import pytest
from fakeredis import FakeRedis, FakeServer

from botticelli.budget import Budget, MemoryBudget, RedisBudget, Reseed, nothing_charged
from botticelli.testing.budget import BudgetConformance, ManualClock
from botticelli.testing.budget_loss import LossConformance


class TestRedisBudget(BudgetConformance):
    def make_budget(self, clock: ManualClock) -> Budget:
        return RedisBudget(FakeRedis(), clock_ms=clock, reseed=nothing_charged)


class TestMemoryBudget(BudgetConformance):
    def make_budget(self, clock: ManualClock) -> Budget:
        return MemoryBudget(clock)


class TestRedisThatLosesItsData(LossConformance):
    @pytest.fixture(autouse=True)
    def _server(self) -> None:
        self.client = FakeRedis(server=FakeServer())

    def connect(self, clock: ManualClock, reseed: Reseed | None) -> Budget:
        return RedisBudget(self.client, reseed=reseed, clock_ms=clock)

    def lose(self) -> None:
        self.client.flushall()
