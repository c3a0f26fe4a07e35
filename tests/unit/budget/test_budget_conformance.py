"""Both budgets keep every rule of the public suite: the scripts on fakeredis, and the memory twin."""

from fakeredis import FakeRedis

from botticelli.budget import Budget, MemoryBudget, RedisBudget
from botticelli.testing.budget import BudgetConformance, ManualClock


class TestRedisBudget(BudgetConformance):
    def make_budget(self, clock: ManualClock) -> Budget:
        return RedisBudget(FakeRedis(), clock_ms=clock)


class TestMemoryBudget(BudgetConformance):
    def make_budget(self, clock: ManualClock) -> Budget:
        return MemoryBudget(clock)
