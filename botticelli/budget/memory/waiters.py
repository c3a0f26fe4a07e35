"""Queues requests that wait for room in a scope, in order of arrival, by the rules of `lua/lib_queue.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from botticelli.budget.interface import Amounts, Metric, Window

MOST_WAITING, LONGEST_WAIT_MS = 32, 120_000
LATE_MIN_MS, LATE_MAX_MS = 50, 2000


@dataclass(frozen=True, slots=True)
class Place:
    at_ms: int
    until_ms: int
    amounts: Amounts


@dataclass(slots=True)
class Queue:
    places: dict[str, Place] = field(default_factory=dict)

    def expire(self, now: int) -> None:
        self.places = {ticket: place for ticket, place in self.places.items() if place.until_ms > now}

    def leave(self, ticket: str) -> None:
        self.places.pop(ticket, None)

    def ahead_of(self, ticket: str | None) -> list[Place]:
        """Return the waiters before the ticket; for None, all waiters."""
        return [place for _, place in takewhile(lambda waiting: waiting[0] != ticket, self.places.items())]

    def turn_ms(self) -> int:
        """Return when the first waiter comes back."""
        return next(place.at_ms for place in self.places.values())

    def wait(self, ticket: str, amounts: Amounts, window: Window, at_ms: int, *, join: bool) -> None:
        """Renew the place of a ticket that is in the queue. With `join`, add it if it is not."""
        if ticket in self.places or (join and len(self.places) < MOST_WAITING):
            late_ms = max(LATE_MIN_MS, min(LATE_MAX_MS, window.period_ms // 20))
            self.places[ticket] = Place(at_ms, at_ms + late_ms, amounts)


def kept_for(ahead: Sequence[Place], metric: Metric, at_ms: float) -> int:
    """Return the amount that the waiters in `ahead` may take by `at_ms`."""
    return sum(place.amounts.of(metric) for place in ahead if place.at_ms <= at_ms)
