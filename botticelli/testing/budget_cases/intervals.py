"""Computes from records how much was charged in the worst interval and on average, as a provider would see it."""

from __future__ import annotations

from collections.abc import Iterable


def most_in_any_interval(charges: Iterable[tuple[int, int]], period_ms: int) -> int:
    """Return the largest sum in any half-open interval of `period_ms`; `charges` are (ms, amount) in any order."""
    ordered = sorted(charges)
    most = total = first = 0
    for at_ms, amount in ordered:
        total += amount
        while ordered[first][0] <= at_ms - period_ms:
            total -= ordered[first][1]
            first += 1
        most = max(most, total)
    return most


def use_of_a_period(charges: list[tuple[int, int]], period_ms: int) -> float:
    """Return the mean charge per period, over whole numbers of periods that begin at every phase of the first."""
    first, last = min(at for at, _ in charges), max(at for at, _ in charges)
    periods = (last - first) // period_ms - 1
    begins = [first + phase * period_ms // 50 for phase in range(50)]
    spans = [sum(n for at, n in charges if begin <= at < begin + periods * period_ms) for begin in begins]
    return sum(spans) / len(spans) / periods
