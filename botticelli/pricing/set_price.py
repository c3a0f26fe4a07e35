"""Applies the prices that settings name to the listed price of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, time
from decimal import Decimal

from botticelli.pricing.price import STANDARD, ModelPrice, Period, Price, Step
from botticelli.pricing.rates import Rates, complete_rates, finest, rates_of

FOLLOWS = {"cached": "input", "cache_write": "input", "cache_write_long": "input"}
"""The rate in whose proportion another one changes that is not set itself."""
SOURCE = "settings"


@dataclass(frozen=True, slots=True)
class SetPrice:
    """Prices in US dollars for a million tokens, and factors; None where the settings name none."""

    usd_per_million_input: Decimal | None = None
    usd_per_million_cached: Decimal | None = None
    usd_per_million_cache_write: Decimal | None = None
    usd_per_million_cache_write_long: Decimal | None = None
    usd_per_million_output: Decimal | None = None
    long_context_tokens: int | None = None
    long_context_input_factor: Decimal | None = None
    long_context_output_factor: Decimal | None = None
    batch_price_factor: Decimal | None = None
    flex_price_factor: Decimal | None = None

    @property
    def rates(self) -> Mapping[str, Decimal | None]:
        names = ("input", "cached", "cache_write", "cache_write_long", "output")
        return {name: getattr(self, f"usd_per_million_{name}") for name in names}

    @property
    def services(self) -> Mapping[str, Decimal]:
        factors = {"batch": self.batch_price_factor, "flex": self.flex_price_factor}
        return {name: factor for name, factor in factors.items() if factor is not None}

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in SET_NAMES)


SET_NAMES = tuple(item.name for item in fields(SetPrice))


def with_set_price(listed: ModelPrice | None, given: SetPrice) -> ModelPrice | None:
    """Return the price with what the settings name; the rest follows in the listed proportion.

    None when neither the settings nor the list have a price of input and output.
    """
    if not given:
        return listed
    if listed is None:
        rates = complete_rates(given.rates)
        periods = None if rates is None else {STANDARD: (Period(Price(rates)),)}
        price = None if periods is None else ModelPrice(periods, SOURCE)
    else:
        change = _Change(listed, given)
        price = replace(listed, periods={name: change.periods(name) for name in listed.periods}, source=_source(listed))
    return None if price is None else _with_services(_with_long_context(price, given), given)


@dataclass(slots=True)
class _Change:
    """Replaces the rates that are set, and changes the others of the same period in proportion."""

    listed: ModelPrice
    given: SetPrice
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def periods(self, service: str) -> tuple[Period, ...]:
        return tuple(replace(period, price=self._price(period)) for period in self.listed.periods[service])

    def _price(self, period: Period) -> Price:
        """Return the price of a period, whose rates keep their ratio to the standard ones of that time."""
        day = period.start or self.now.date()
        moment = datetime.combine(day, period.hours[0] if period.hours else time(), tzinfo=UTC)
        standard = self.listed.at(moment).rates
        changed = self._changed(standard)
        return period.price.mapped(lambda rates: _in_ratio(rates, standard, changed))

    def _changed(self, standard: Rates) -> Rates:
        rates = self.given.rates

        def value(name: str) -> Decimal:
            own_rate = rates[name]
            if own_rate is not None:
                return own_rate
            leading = rates.get(FOLLOWS.get(name, ""))
            before = standard.input
            own: Decimal = getattr(standard, name)
            return own if leading is None else finest(own * leading / before) if before else leading

        return rates_of(value)


def _in_ratio(rates: Rates, before: Rates, after: Rates) -> Rates:
    def value(name: str) -> Decimal:
        own, old, new = (getattr(item, name) for item in (rates, before, after))
        return new if own == old or not old else finest(own * new / old)

    return rates_of(value)


def _with_long_context(price: ModelPrice, given: SetPrice) -> ModelPrice:
    """Return the price with the step of the settings in place of all listed ones, in every service."""
    over = given.long_context_tokens
    if over is None:
        return price
    factors = given.long_context_input_factor or Decimal(1), given.long_context_output_factor

    def stepped(period: Period) -> Period:
        rates = period.price.rates
        return replace(period, price=Price(rates, (Step(over, rates.times(*factors)),)))

    return replace(price, periods={name: tuple(map(stepped, periods)) for name, periods in price.periods.items()})


def _with_services(price: ModelPrice, given: SetPrice) -> ModelPrice:
    periods = {name: value for name, value in price.periods.items() if name not in given.services}
    return replace(price, periods=periods, others={**price.others, **given.services})


def _source(listed: ModelPrice) -> str:
    return f"{SOURCE}, else {listed.source}"
