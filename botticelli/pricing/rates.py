"""Computes the cost of one call from rates per million tokens, in exact decimals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, Decimal
from typing import Any, Protocol

MILLION = 1_000_000
FINEST = Decimal("0.000001")
"""Rates that are computed from others are rounded up to this, so that costs fit the columns of the ledger."""
TOKEN_FIELDS = (
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_long_tokens",
    "output_tokens",
    "reasoning_tokens",
)
"""The names of token counts, in usage as in the columns of runs, acts and draws."""


class TokenCounts(Protocol):
    """Token counts of a request, as the provider reported them.

    `input_tokens` includes cached tokens and those written to a cache; `cache_write_tokens` includes those that are kept
    for the provider's longer life; `output_tokens` includes reasoning.
    """

    @property
    def input_tokens(self) -> int: ...

    @property
    def cached_tokens(self) -> int: ...

    @property
    def cache_write_tokens(self) -> int: ...

    @property
    def cache_write_long_tokens(self) -> int: ...

    @property
    def output_tokens(self) -> int: ...

    @property
    def reasoning_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens of each kind.

    `cached` is for tokens read from a cache, `cache_write` for tokens written to it for the provider's ordinary life
    (5 minutes at Anthropic, 30 at OpenAI), `cache_write_long` for its longer life (1 hour, 12 hours).
    """

    input: Decimal
    cached: Decimal
    cache_write: Decimal
    cache_write_long: Decimal
    output: Decimal

    def cost_usd(self, usage: TokenCounts) -> Decimal:
        """Return the exact cost of one call."""
        fresh = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        return (
            fresh * self.input
            + usage.cached_tokens * self.cached
            + (usage.cache_write_tokens - usage.cache_write_long_tokens) * self.cache_write
            + usage.cache_write_long_tokens * self.cache_write_long
            + usage.output_tokens * self.output
        ) / MILLION

    def times(self, factor: Decimal, output_factor: Decimal | None = None) -> Rates:
        """Return all rates multiplied; that of output by `output_factor`, if given."""
        output = self.output * (factor if output_factor is None else output_factor)
        return rates_of(lambda name: output if name == "output" else getattr(self, name) * factor)

    def highest(self, other: Rates) -> Rates:
        """Return the higher of each two rates."""
        return rates_of(lambda name: max(getattr(self, name), getattr(other, name)))

    def as_json(self) -> dict[str, str]:
        return {name: plain_decimal(getattr(self, name)) for name in RATE_NAMES}


RATE_NAMES = tuple(field.name for field in fields(Rates))


def rates_of(value: Callable[[str], Decimal]) -> Rates:
    """Build rates from a function of their names."""
    return Rates(**{name: value(name) for name in RATE_NAMES})


def complete_rates(known: Mapping[str, Decimal | None], long_write_factor: Decimal | None = None) -> Rates | None:
    """Return rates in which those that are not known cost as much as input; None without input or output.

    `long_write_factor` multiplies the input rate for the longer life of a cache, where the provider bills writes.
    """
    input_rate, output_rate = known.get("input"), known.get("output")
    if input_rate is None or output_rate is None:
        return None
    write = known.get("cache_write")
    long = known.get("cache_write_long")
    if long is None and write is not None:
        long = max(write, input_rate * long_write_factor) if long_write_factor is not None else write
    values = {"cached": known.get("cached"), "cache_write": write, "cache_write_long": long}
    others = {name: input_rate if value is None else value for name, value in values.items()}
    return Rates(input=input_rate, output=output_rate, **others)


def recomputed_cost_usd(row: Mapping[str, Any]) -> Decimal | None:
    """Return the cost of a ledger row from its own token counts and price; None for a row without a price."""
    price = row["price"]
    if not price or row["input_tokens"] is None:
        return None
    return Rates(**{name: Decimal(price[name]) for name in RATE_NAMES}).cost_usd(_RowCounts(row))


class _RowCounts:
    """Reads the token counts of a row; a missing count is 0."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getattr__(self, name: str) -> int:
        return int(self._row[name] or 0)


def finest(rate: Decimal) -> Decimal:
    """Round up a computed rate to a millionth of a dollar."""
    return rate.quantize(FINEST, rounding=ROUND_CEILING)


def plain_decimal(value: Decimal) -> str:
    """Write a decimal without exponent and without zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
