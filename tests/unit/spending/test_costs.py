"""Costs below a millionth of a dollar add up."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from botticelli.spending.account import CostRounder

TINY = Decimal("0.0000025")


@pytest.mark.parametrize("ahead", [True, False])
def test_sum_of_tiny_costs_is_exact(ahead: bool) -> None:
    carry = CostRounder(ahead)
    assert sum(carry.microusd("a", TINY) for _ in range(20)) == 50


@pytest.mark.parametrize("ahead", [True, False])
def test_sum_is_never_off_by_a_millionth(ahead: bool) -> None:
    carry, chance, exact, whole = CostRounder(ahead), random.Random(3), Decimal(0), 0
    for _ in range(2_000):
        cost = Decimal(chance.randrange(10**8)) / 10**13
        exact, whole = exact + cost * 1_000_000, whole + carry.microusd("a", cost)
        assert 0 <= (whole - exact if ahead else exact - whole) < 1


def test_scopes_round_apart() -> None:
    carry = CostRounder()
    sums = {"a": 0, "b": 0}
    for _ in range(10):
        for key in sums:
            sums[key] += carry.microusd(key, TINY)
    assert sums == {"a": 25, "b": 25}
    assert carry.microusd("c", None) == 0
