"""Reads prices.toml: what the price list of genai-prices lacks, or has differently. Imports no price list."""

from __future__ import annotations

import tomllib
from datetime import date, time
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from botticelli.pricing.price import STANDARD, ModelPrice, Period, Price, Step
from botticelli.pricing.rates import Rates, complete_rates

Rate = Annotated[Decimal, Field(ge=0)]
Factor = Annotated[Decimal, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RateTable(_Table):
    input: Rate
    cached: Rate | None = None
    cache_write: Rate | None = None
    cache_write_long: Rate | None = None
    output: Rate

    def rates(self, long_write_factor: Decimal | None) -> Rates:
        rates = complete_rates(self.model_dump(include=set(RateTable.model_fields)), long_write_factor)
        assert rates is not None, "input and output are required"
        return rates


class LongContext(_Table):
    over_tokens: int = Field(ge=1)
    input_factor: Factor
    output_factor: Factor


class PriceTable(RateTable):
    long_context: LongContext | None = None

    def price(self, long_write_factor: Decimal | None) -> Price:
        rates, larger = self.rates(long_write_factor), self.long_context
        if larger is None:
            return Price(rates)
        return Price(rates, (Step(larger.over_tokens, rates.times(larger.input_factor, larger.output_factor)),))


class LaterPrice(PriceTable):
    """The whole price from a day on."""

    start: date


class Peak(_Table):
    """Daily hours (UTC) in which all rates are multiplied."""

    hours: tuple[time, time]
    factor: Factor
    workdays: bool = False


class ModelTable(PriceTable):
    services: dict[str, Factor] = Field(default_factory=dict)
    later: tuple[LaterPrice, ...] = ()
    peaks: tuple[Peak, ...] = ()


class ProviderTable(_Table):
    """`list` is the name of the provider in the price list; None: it has none there."""

    list: str | None = None
    free: bool = False
    writes_by_itself: bool = False
    long_write_factor: Factor | None = None
    services: dict[str, Factor] = Field(default_factory=dict)
    models: dict[str, ModelTable] = Field(default_factory=dict)

    def price(self, model: str, source: str, as_of: str) -> ModelPrice | None:
        """Return the price of a model that this table names; 0 for every model of a free provider."""
        if self.free:
            free = RateTable(input=Decimal(0), output=Decimal(0)).rates(None)
            return ModelPrice({STANDARD: (Period(Price(free)),)}, "free of charge")
        table = self.models.get(model)
        if table is None:
            return None
        periods = {STANDARD: tuple(_periods(table, self.long_write_factor))}
        writes = self.writes_by_itself and table.cache_write is not None
        return ModelPrice(periods, source, as_of, writes, {**self.services, **table.services})


class PriceFile(_Table):
    as_of: str
    source: str
    providers: dict[str, ProviderTable]

    def price(self, provider: str, model: str) -> ModelPrice | None:
        table = self.providers.get(provider)
        return table.price(model, self.source, self.as_of) if table else None


@cache
def price_file() -> PriceFile:
    """Return the file that is shipped with this version."""
    text = files("botticelli.pricing").joinpath("prices.toml").read_text(encoding="utf-8")
    return PriceFile.model_validate(tomllib.loads(text, parse_float=Decimal))


def _periods(table: ModelTable, long_write_factor: Decimal | None) -> list[Period]:
    base = table.price(long_write_factor)
    later = [Period(price.price(long_write_factor), price.start) for price in table.later]
    peaks = [Period(base.times(peak.factor), hours=peak.hours, workdays=peak.workdays) for peak in table.peaks]
    return [Period(base), *later, *peaks]
