"""Tests budgets whose server can lose its data: which windows are rebuilt from a ledger, and which start full."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from botticelli.budget import Amounts, Budget, PastCharge, Reseed, Scope, Share, Window
from botticelli.testing.budget_cases.budget_base import drawn, granted, held, hold, refused, used, wait_of
from botticelli.testing.budget_cases.clock import ManualClock

DAY = Scope("day", (Window("tokens", 100, 86_400),), guard_ms=0)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@dataclass
class Ledger:
    """Records granted charges, and the scopes for which a budget has read them."""

    clock: ManualClock
    charges: list[PastCharge] = field(default_factory=list)
    read_scopes: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None
    """Called once during the next read."""

    def __call__(self, scopes: Sequence[Scope]) -> Sequence[PastCharge]:
        names = [scope.name for scope in scopes]
        self.read_scopes += names
        answer = [charge for charge in self.charges if charge.scope in names]
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return answer

    def charge(self, budget: Budget, scope: Scope, amounts: Amounts) -> bool:
        """Charge a budget, and record the charge if it is granted; return whether it is."""
        if budget.charge(scope, amounts) is not None:
            return False
        self.charges.append(PastCharge(scope.name, amounts, self.clock.ms))
        return True


class LossConformance(ABC):
    """Conformance suite: subclass it, and define `connect` and `lose`."""

    @abstractmethod
    def connect(self, clock: ManualClock, reseed: Reseed | None) -> Budget:
        """Make a further budget on the store of this test, which is empty at first."""

    @abstractmethod
    def lose(self) -> None:
        """Delete all data of the store."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def ledger(self, clock: ManualClock) -> Ledger:
        return Ledger(clock)

    @pytest.fixture
    def budget(self, clock: ManualClock, ledger: Ledger) -> Budget:
        return self.connect(clock, ledger)

    def test_loss_leaves_only_the_rest_of_the_day(self, budget: Budget, ledger: Ledger, clock: ManualClock) -> None:
        for _ in range(6):
            assert ledger.charge(budget, DAY, Amounts(tokens=10))
            clock.advance(60_000)
        self.lose()
        again = [ledger.charge(budget, DAY, Amounts(tokens=1)) for _ in range(100)]
        assert sum(again) == 40

    def test_rebuilt_charges_expire_when_they_would_have(
        self, budget: Budget, ledger: Ledger, clock: ManualClock
    ) -> None:
        assert ledger.charge(budget, DAY, Amounts(tokens=70))
        clock.advance(HOUR_MS)
        assert ledger.charge(budget, DAY, Amounts(tokens=30))
        clock.advance(HOUR_MS)
        self.lose()
        assert wait_of(budget.charge(DAY, Amounts(tokens=70))) == DAY_MS - 2 * HOUR_MS
        assert wait_of(budget.charge(DAY, Amounts(tokens=71))) == DAY_MS - HOUR_MS
        clock.advance(DAY_MS - 2 * HOUR_MS)
        assert used(budget, DAY) == [30]

    def test_shorter_windows_start_full_and_open_with_time(
        self, budget: Budget, ledger: Ledger, clock: ManualClock
    ) -> None:
        scope = Scope("both", (Window("tokens", 100, 60), Window("tokens", 1000, 86_400)), guard_ms=0)
        assert ledger.charge(budget, scope, Amounts(tokens=1))
        self.lose()
        assert wait_of(budget.charge(scope, Amounts(tokens=1))) == 60_000
        assert used(budget, scope) == [100, 1]
        clock.advance(60_000)
        assert ledger.charge(budget, scope, Amounts(tokens=100))

    @pytest.mark.parametrize(
        "window",
        [
            Window("tokens", 100, 86_400, "fixed"),
            Window("tokens", 100, 86_400, "calendar", "America/Los_Angeles"),
            Window("tokens", 100, 864_000, "bucket"),
            Window("cost_microusd", 100, 315_360_000),
            Window("cost_microusd", 100, 2_678_400, "month", "America/Los_Angeles"),
            Window("input_tokens", 100, 86_400),
        ],
        ids=lambda window: window.name,
    )
    def test_long_windows_of_every_kind_are_rebuilt(self, budget: Budget, ledger: Ledger, window: Window) -> None:
        scope = Scope("long", (window,), guard_ms=0)
        some, rest = (Amounts(tokens=n, cost_microusd=n, input_tokens=n) for n in (60, 40))
        assert ledger.charge(budget, scope, some)
        self.lose()
        assert used(budget, scope) == [60]
        assert not ledger.charge(budget, scope, some)
        assert ledger.charge(budget, scope, rest)

    def test_scope_without_past_charges_starts_empty(self, budget: Budget, ledger: Ledger) -> None:
        scope = Scope("new", (Window("tokens", 100, 60), Window("tokens", 100, 86_400)))
        self.lose()
        assert used(budget, scope) == [0, 0]
        assert ledger.charge(budget, scope, Amounts(tokens=100))

    def test_new_window_of_a_scope_begins_as_after_a_loss(
        self, budget: Budget, ledger: Ledger, clock: ManualClock
    ) -> None:
        minute, hour, day = Window("tokens", 100, 60), Window("tokens", 100, 3600), Window("tokens", 100, 86_400)
        assert ledger.charge(budget, Scope("grows", (minute,), guard_ms=0), Amounts(tokens=30))
        clock.advance(30_000)
        grown = Scope("grows", (minute, hour, day), guard_ms=0)
        assert used(budget, grown) == [30, 100, 30]
        assert wait_of(budget.charge(grown, Amounts(tokens=1))) == HOUR_MS
        clock.advance(HOUR_MS)
        assert used(budget, grown) == [0, 0, 30]
        assert ledger.charge(budget, grown, Amounts(tokens=70))
        assert used(budget, grown) == [70, 70, 100]

    def test_charges_older_than_the_longest_window_close_no_scope(
        self, budget: Budget, ledger: Ledger, clock: ManualClock
    ) -> None:
        ledger.charges.append(PastCharge("short", Amounts(tokens=100), clock.ms - 60_000))
        assert ledger.charge(budget, Scope("short", (Window("tokens", 100, 60),), guard_ms=0), Amounts(tokens=100))

    def test_windows_start_full_without_a_ledger(self, clock: ManualClock) -> None:
        scope = Scope("blind", (Window("tokens", 100, 60), Window("tokens", 100, 86_400)), guard_ms=0)
        budget = self.connect(clock, None)
        assert refused(hold(budget, "t", scope, tokens=1)).retry_after_ms == DAY_MS
        clock.advance(DAY_MS)
        granted(hold(budget, "t", scope, tokens=100))

    def test_grants_read_the_ledger_first(self, budget: Budget, ledger: Ledger) -> None:
        ledger.charges.append(PastCharge("day", Amounts(tokens=100), ledger.clock.ms))
        for ask in (
            lambda: hold(budget, "t", DAY, tokens=1),
            lambda: budget.draw("t", "d", DAY, Amounts(tokens=1)),
            lambda: budget.charge(DAY, Amounts(tokens=1)),
        ):
            self.lose()
            assert refused(ask()).used == 100
        self.lose()
        assert budget.usage(DAY).windows[0].used == 100

    def test_loss_removes_tickets_and_draws_are_checked_anew(self, budget: Budget, ledger: Ledger) -> None:
        granted(hold(budget, "t", DAY, tokens=60))
        assert ledger.charge(budget, DAY, Amounts(tokens=40))
        self.lose()
        assert budget.settle("t", "d", DAY, Amounts(tokens=60)).outcome == "repeated"
        assert budget.renew("t", [DAY], 60) is False
        assert (held(budget, DAY), used(budget, DAY)) == ((0, 0), [40])
        assert refused(budget.draw("t", "d", DAY, Amounts(tokens=61))).used == 40
        drawn(budget.draw("t", "d", DAY, Amounts(tokens=60)))

    def test_concurrent_rebuilds_charge_once(self, clock: ManualClock, ledger: Ledger) -> None:
        slow, fast = self.connect(clock, ledger), self.connect(clock, ledger)
        assert ledger.charge(slow, DAY, Amounts(tokens=60))
        self.lose()
        ledger.meanwhile = lambda: self._charge_all(fast, ledger, 25)
        assert ledger.charge(slow, DAY, Amounts(tokens=15))
        assert used(slow, DAY) == [100]
        assert ledger.read_scopes == ["day"] * 3

    def test_second_loss_during_the_rebuild_is_noticed(
        self, budget: Budget, ledger: Ledger, clock: ManualClock
    ) -> None:
        assert ledger.charge(budget, DAY, Amounts(tokens=60))
        self.lose()

        def granted_and_lost_again() -> None:
            self._charge_all(self.connect(clock, ledger), ledger, 30)
            self.lose()
            clock.advance(1)
            assert used(self.connect(clock, ledger), Scope("other", DAY.windows)) == [0]

        ledger.meanwhile = granted_and_lost_again
        assert not ledger.charge(budget, DAY, Amounts(tokens=11))
        assert ledger.charge(budget, DAY, Amounts(tokens=10))

    def test_unreadable_ledger_grants_nothing(self, budget: Budget, ledger: Ledger) -> None:
        def broken() -> None:
            raise OSError("no ledger")

        assert ledger.charge(budget, DAY, Amounts(tokens=60))
        self.lose()
        for _ in range(2):
            ledger.meanwhile = broken
            with pytest.raises(OSError, match="no ledger"):
                budget.charge(DAY, Amounts(tokens=1))
        assert used(budget, DAY) == [60]

    def test_ledger_is_read_once_for_each_scope(self, budget: Budget, ledger: Ledger, clock: ManualClock) -> None:
        other = Scope("other", DAY.windows, guard_ms=0)
        for _ in range(2):
            granted(budget.reserve("t", [Share(DAY, Amounts(tokens=1)), Share(other, Amounts(tokens=1))], 60))
        assert ledger.read_scopes == ["day", "other"]
        clock.advance(DAY_MS + 1)
        granted(hold(budget, "t", Scope("later", DAY.windows, guard_ms=0), tokens=1))
        assert ledger.read_scopes == ["day", "other"]

    def _charge_all(self, budget: Budget, ledger: Ledger, tokens: int) -> None:
        assert ledger.charge(budget, DAY, Amounts(tokens=tokens))
