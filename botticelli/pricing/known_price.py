"""Answers what a call costs, before and after it. Looks the price up when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property

from botticelli.pricing.price import STANDARD, Charge, ModelPrice
from botticelli.pricing.rates import MILLION, Rates, TokenCounts


@dataclass(eq=False)
class KnownPrice:
    """The price of one model, or none. Most commands need no price, so `find` is not called before one is asked."""

    find: Callable[[], ModelPrice | None]

    @cached_property
    def price(self) -> ModelPrice | None:
        return self.find()

    def charge(self, usage: TokenCounts, moment: datetime, service: str = STANDARD) -> Charge | None:
        """Return the cost of a call made at `moment`; None when the price is unknown, which is not 0."""
        return self.price.charge(usage, moment, service) if self.price else None

    def expected_usd(self, input_tokens: int, output_tokens: int, service: str = STANDARD) -> Decimal | None:
        """Return the cost of a call that reads nothing from a cache and writes nothing to it."""
        if self.price is None:
            return None
        rates = self.price.at(datetime.now(UTC), service).rates_for(input_tokens)
        return _cost_usd(rates.input, input_tokens, rates, output_tokens)

    def reserved_usd(self, input_tokens: int, output_tokens: int, service: str = STANDARD) -> Decimal | None:
        """Return what a call of this size costs at most, asked of this service.

        By the highest rates of the next day, where the standard service may answer for another one, and as written to a
        cache where the provider does that by itself.
        """
        if self.price is None:
            return None
        rates = self.price.highest(datetime.now(UTC), input_tokens, service)
        input_rate = max(rates.input, rates.cache_write) if self.price.writes_by_itself else rates.input
        return _cost_usd(input_rate, input_tokens, rates, output_tokens)


def _cost_usd(input_rate: Decimal, input_tokens: int, rates: Rates, output_tokens: int) -> Decimal:
    return (input_tokens * input_rate + output_tokens * rates.output) / MILLION


UNKNOWN_PRICE = KnownPrice(lambda: None)
