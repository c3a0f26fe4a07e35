"""Reads the price list of genai-prices, which is imported here only, and when a price is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from botticelli.pricing.price import SERVICES, STANDARD, ModelPrice, Period, Price, Step
from botticelli.pricing.rates import RATE_NAMES, Rates, complete_rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider
    from genai_prices.types import ModelPrice as ListedPrice

LIST_NAMES = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_long": "cache_write_1h_mtok",
    "output": "output_mtok",
}
CONTEXTS: Mapping[str, Sequence[Mapping[str, str]]] = {
    STANDARD: (),
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}
"""How genai-prices selects the prices of a service, at one provider or another."""
FIRST_DAY = date(2000, 1, 1)


class PriceList:
    """One version of the list: the one in the installed wheel, or one that was fetched."""

    def __init__(self, providers: Sequence[Provider], source: str, as_of: str) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self.source = source
        self.as_of = as_of

    def provider_at(self, url: str) -> str | None:
        """Return the provider whose API answers at this URL."""
        matching = (name for name, provider in self._providers.items() if re.match(provider.api_pattern, url))
        return next(matching, None)

    @cached_property
    def rates_now(self) -> Mapping[tuple[str, str], Rates]:
        """The standard rates of today by provider and model, for comparing lists."""
        now = datetime.now(UTC)
        rates = {}
        for provider in self._providers.values():
            for model in provider.models:
                price = _price(model.get_prices(now), None)
                if price is not None:
                    rates[provider.id, model.id] = price.rates
        return rates

    def models(self, provider: str) -> list[str]:
        listed = self._providers.get(provider)
        return sorted(model.id for model in listed.models) if listed else []

    def price(
        self, provider: str, model: str, long_write_factor: Decimal | None, writes_by_itself: bool
    ) -> ModelPrice | None:
        """Return the price of a model; None for a model that is not listed, or not by tokens."""
        listed = self._providers.get(provider)
        info = listed.find_model(model) if listed else None
        return self._converted(info, long_write_factor, writes_by_itself) if info else None

    def check(self) -> None:
        """Convert every price. Raises whatever a price raises that can't be read."""
        for provider in self._providers.values():
            for info in provider.models:
                self._converted(info, None, False)

    def _converted(
        self, info: ModelInfo, long_write_factor: Decimal | None, writes_by_itself: bool
    ) -> ModelPrice | None:
        periods = {service: tuple(_periods(info, service, long_write_factor)) for service in _services(info)}
        if not periods[STANDARD]:
            return None
        writes = writes_by_itself and getattr(info.get_prices(datetime.now(UTC)), "cache_write_mtok", None) is not None
        return ModelPrice(periods, self.source, self.as_of, writes)


def bundled_list() -> PriceList:
    """Return the list of the installed wheel."""
    from genai_prices.data import providers

    return PriceList(providers, f"genai-prices {installed_version()}", "")


def installed_version() -> str:
    """Return the version of genai-prices, without importing it."""
    return version("genai-prices")


def parsed_list(raw: Any, source: str, as_of: str) -> PriceList:
    """Return a list from its JSON. Raises ValueError for anything else than a list of providers with prices."""
    from genai_prices.types import _providers_from_raw

    if not isinstance(raw, list):
        raise ValueError("not a list of providers")
    return PriceList(_providers_from_raw(raw), source, as_of)


def _services(info: ModelInfo) -> Iterator[str]:
    yield STANDARD
    yield from (service for service in SERVICES[1:] if _context(info, service) is not None)


def _context(info: ModelInfo, service: str) -> Mapping[str, str] | None:
    """Return the context for which the model lists prices of this service."""
    variants = [variant.when for variant in info.price_variants or ()]
    return next((context for context in CONTEXTS[service] if context in variants), None)


def _periods(info: ModelInfo, service: str, long_write_factor: Decimal | None) -> Iterator[Period]:
    """Yield the prices of a service from each day on which one starts, then those of daily hours."""
    context = _context(info, service)
    for day in _days(info):
        moment = datetime.combine(day, _quiet_hour(info), tzinfo=UTC)
        if (price := _price(info.get_prices(moment, context), long_write_factor)) is not None:
            yield Period(price, None if day == FIRST_DAY else day)
    last_day = _days(info)[-1]
    for first, last in _hours(info):
        moment = datetime.combine(last_day, first, tzinfo=UTC)
        if (price := _price(info.get_prices(moment, context), long_write_factor)) is not None:
            yield Period(price, hours=(first, last))


def _constraints(info: ModelInfo) -> list[Any]:
    conditional = info.prices if isinstance(info.prices, list) else []
    return [item.constraint for item in (*conditional, *(info.price_variants or ())) if item.constraint is not None]


def _days(info: ModelInfo) -> list[date]:
    starts = {c.start_date for c in _constraints(info) if hasattr(c, "start_date")}
    return [FIRST_DAY, *sorted(starts)]


def _hours(info: ModelInfo) -> list[tuple[time, time]]:
    hours = [(c.start_time, c.end_time) for c in _constraints(info) if hasattr(c, "start_time")]
    return [(first.replace(tzinfo=None), last.replace(tzinfo=None)) for first, last in hours]


def _quiet_hour(info: ModelInfo) -> time:
    """Return a time of day outside all daily hours."""
    hours = _hours(info)
    candidates = (time(hour) for hour in range(24))
    return next((t for t in candidates if not any(first <= t < last for first, last in hours)), time(0))


def _price(listed: ListedPrice, long_write_factor: Decimal | None) -> Price | None:
    """Convert the rates of tokens; other charges, such as those of searches, are not part of a call here."""
    values = {name: getattr(listed, LIST_NAMES[name], None) for name in RATE_NAMES}
    starts = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    base = _rates(values, 0, long_write_factor)
    if base is None:
        return None
    steps = ((start, _rates(values, start + 1, long_write_factor)) for start in starts)
    return Price(base, tuple(Step(start, rates) for start, rates in steps if rates is not None))


def _rates(values: Mapping[str, Any], input_tokens: int, long_write_factor: Decimal | None) -> Rates | None:
    return complete_rates({name: _rate(value, input_tokens) for name, value in values.items()}, long_write_factor)


def _rate(value: Any, input_tokens: int) -> Decimal | None:
    """Return a plain rate, or that of the highest tier that a prompt of this size exceeds."""
    tiers = [tier.price for tier in getattr(value, "tiers", ()) if input_tokens > tier.start]
    rate = tiers[-1] if tiers else getattr(value, "base", value)
    return Decimal(rate) if rate is not None else None
