"""Defines the price of a model: rates by service, by time and by the size of the prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

from botticelli.pricing.rates import Rates, TokenCounts

STANDARD = "standard"
SERVICES = (STANDARD, "batch", "flex", "priority", "fast")
"""The services that a provider may price differently. Any other word of an answer is the standard service."""
HORIZON = timedelta(days=1)
"""How far ahead the highest price is looked for: a call that is reserved now may be made that much later."""
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Step:
    """The rates of a whole request whose prompt has more than `over_tokens`."""

    over_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one service at one time; the highest step that the prompt exceeds counts for all its tokens."""

    rates: Rates
    steps: tuple[Step, ...] = ()

    def rates_for(self, input_tokens: int) -> Rates:
        exceeded = [step.rates for step in self.steps if input_tokens > step.over_tokens]
        return exceeded[-1] if exceeded else self.rates

    def times(self, factor: Decimal) -> Price:
        return self.mapped(lambda rates: rates.times(factor))

    def mapped(self, change: Callable[[Rates], Rates]) -> Price:
        """Return the price with changed rates in all sizes of prompts."""
        return Price(change(self.rates), tuple(Step(step.over_tokens, change(step.rates)) for step in self.steps))

    def as_json(self) -> dict[str, Any]:
        steps = [{"over_tokens": step.over_tokens, **step.rates.as_json()} for step in self.steps]
        return {**self.rates.as_json(), "long_context": steps}


@dataclass(frozen=True, slots=True)
class Period:
    """A price from a day (UTC) on, or within daily hours (UTC), on working days only where `workdays` is set."""

    price: Price
    start: date | None = None
    hours: tuple[time, time] | None = None
    workdays: bool = False

    def is_active(self, moment: datetime) -> bool:
        if self.start is not None and moment.date() < self.start:
            return False
        if self.workdays and moment.weekday() >= SATURDAY:
            return False
        if self.hours is None:
            return True
        first, last = self.hours
        clock = moment.time().replace(tzinfo=None)
        return first <= clock < last if first <= last else clock >= first or clock < last


@dataclass(frozen=True, slots=True)
class Applied:
    """The rates that one call was charged with, as its ledger row stores them."""

    rates: Rates
    service: str
    source: str
    over_tokens: int | None = None

    def as_json(self) -> dict[str, Any]:
        over = {} if self.over_tokens is None else {"over_tokens": self.over_tokens}
        return {**self.rates.as_json(), "service": self.service, "source": self.source, **over}


@dataclass(frozen=True, slots=True)
class Charge:
    """Holds the cost of one call, and the rates that were applied."""

    usd: Decimal
    applied: Applied


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """All prices of one model: for each service its periods, of which the last active one counts.

    `source` and `as_of` say where the figures are from. `writes_by_itself`: the provider writes prompts to its cache
    without being asked, and bills that.
    """

    periods: Mapping[str, tuple[Period, ...]]
    source: str = ""
    as_of: str = ""
    writes_by_itself: bool = False
    others: Mapping[str, Decimal] = field(default_factory=dict)
    """Factors of the standard price for services that have no periods, and of any price for surcharges."""

    def at(self, moment: datetime, service: str = STANDARD) -> Price:
        """Return the price of a service; that of the standard service where the model has no other.

        `batch+us` is a service with a surcharge: the factor of `us` multiplies the price of `batch`.
        """
        name, *surcharges = self.known(service).split("+")
        periods = self.periods.get(name)
        price = _active(periods or self.periods[STANDARD], moment.astimezone(UTC))
        if periods is None and name != STANDARD:
            price = price.times(self.others[name])
        for surcharge in surcharges:
            price = price.times(self.others[surcharge])
        return price

    def known(self, service: str) -> str:
        """Return the service with those surcharges that have a price here, such as `standard` or `batch+us`."""
        name, *surcharges = service.split("+")
        known = [name if name in self.periods or name in self.others else STANDARD]
        return "+".join(known + [surcharge for surcharge in surcharges if surcharge in self.others])

    def charge(self, usage: TokenCounts, moment: datetime, service: str = STANDARD) -> Charge:
        """Return the cost of a call that was made at `moment`. `service` is the one that the answer names."""
        name = self.known(service)
        price = self.at(moment, name)
        rates = price.rates_for(usage.input_tokens)
        over = [step.over_tokens for step in price.steps if usage.input_tokens > step.over_tokens]
        return Charge(rates.cost_usd(usage), Applied(rates, name, self.source, over[-1] if over else None))

    def highest(self, moment: datetime, input_tokens: int, service: str = STANDARD) -> Rates:
        """Return the highest rates for a prompt of this size from `moment` to a day later.

        Those of the service that is asked for, or of the standard one, which may answer instead.
        """
        moment = moment.astimezone(UTC)
        services = {STANDARD, self.known(service)}
        periods = [period for name in services for period in self.periods.get(name.partition("+")[0], ())]
        moments = [moment, *_changes(periods, moment)]
        rates = [self.at(each, name).rates_for(input_tokens) for name in services for each in moments]
        return reduce(Rates.highest, rates)

    def next_change(self, moment: datetime) -> date | None:
        """Return the next day on which a price starts."""
        today = moment.astimezone(UTC).date()
        starts = [period.start for periods in self.periods.values() for period in periods if period.start]
        return min((start for start in starts if start > today), default=None)


def _active(periods: tuple[Period, ...], moment: datetime) -> Price:
    active = [period.price for period in periods if period.is_active(moment)]
    return active[-1] if active else periods[0].price


def _changes(periods: Sequence[Period], moment: datetime) -> Iterator[datetime]:
    """Yield the moments within the horizon at which a period starts."""
    for period in periods:
        first = period.hours[0] if period.hours else time()
        days = {period.start} if period.start and not period.hours else {moment.date(), (moment + HORIZON).date()}
        for day in days:
            change = datetime.combine(day, first, tzinfo=UTC)
            if moment < change <= moment + HORIZON:
                yield change
