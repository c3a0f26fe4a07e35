"""How much was charged in the worst interval: the provider's view of a window, computed from records."""

from __future__ import annotations

from collections.abc import Iterable


def most_in_any_interval(charges: Iterable[tuple[int, int]], period_ms: int) -> int:
    """The largest sum of amounts in any half-open interval of `period_ms`; `charges` are (ms, amount) in any order."""
    ordered = sorted(charges)
    most = total = first = 0
    for at_ms, amount in ordered:
        total += amount
        while ordered[first][0] <= at_ms - period_ms:
            total -= ordered[first][1]
            first += 1
        most = max(most, total)
    return most
