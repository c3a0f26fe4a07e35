"""Prices that settings name: they win, and what they leave out follows in the listed proportion."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from botticelli.drivers import Usage
from botticelli.pricing import Catalogue, KnownPrice, ModelPrice, SetPrice, with_set_price
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WRITES = Usage(10_000, 2_000, cached_tokens=4_000, cache_write_tokens=4_000, cache_write_long_tokens=1_000)


def listed(home: Path, name: str) -> ModelPrice:
    price = Catalogue(home).price(*name.split("/"))
    assert price is not None
    return price


def named(**figures: str | int) -> SetPrice:
    return SetPrice(**{name: Decimal(value) if isinstance(value, str) else value for name, value in figures.items()})  # type: ignore[arg-type]


def rates(price: ModelPrice | None, service: str = "standard", tokens: int = 1) -> tuple[str, ...]:
    assert price is not None
    rates = price.at(NOW, service).rates_for(tokens).as_json()
    return rates["input"], rates["cached"], rates["cache_write"], rates["cache_write_long"], rates["output"]


def test_input_rate_moves_cache_rates_with_it(tmp_path: Path) -> None:
    price = with_set_price(listed(tmp_path, "anthropic/claude-opus-5-5"), named(usd_per_million_input="2"))
    assert rates(price) == ("2", "0.1", "2.5", "4", "20")
    assert rates(price, "batch") == ("1", "0.05", "1.25", "2", "10")


def test_every_rate_can_be_set_by_itself(tmp_path: Path) -> None:
    figures = {"input": "1", "cached": "2", "cache_write": "3", "cache_write_long": "4", "output": "5"}
    given = named(**{f"usd_per_million_{name}": value for name, value in figures.items()})
    price = with_set_price(listed(tmp_path, "anthropic/claude-opus-5-5"), given)
    assert rates(price) == tuple(figures.values())
    assert price is not None and price.charge(WRITES, NOW).usd == Decimal("0.033")


def test_long_context_keeps_its_proportion(tmp_path: Path) -> None:
    given = named(usd_per_million_input="1", usd_per_million_output="3")
    price = with_set_price(listed(tmp_path, "openai/gpt-6.1-sol"), given)
    assert rates(price, tokens=300_000) == ("2", "0.1", "2.5", "5", "4.5")
    assert rates(price, "flex", 300_000) == ("1", "0.05", "1.25", "2.5", "2.25")


def test_set_rate_does_not_change_with_listed_date(tmp_path: Path) -> None:
    price = with_set_price(listed(tmp_path, "gemini/gemini-4-argon"), named(usd_per_million_input="1.5"))
    assert price is not None
    december = price.at(datetime(2026, 12, 2, tzinfo=UTC)).rates
    assert (december.input, december.cached, december.output) == (Decimal("1.5"), Decimal("0.075"), 20)


def test_long_context_and_factors_can_be_set(tmp_path: Path) -> None:
    given = named(
        usd_per_million_input="1",
        usd_per_million_output="4",
        long_context_tokens=1000,
        long_context_input_factor="3",
        long_context_output_factor="2",
        batch_price_factor="0.4",
        flex_price_factor="0.25",
    )
    for base in (None, listed(tmp_path, "openai/gpt-6.1-sol")):
        price = with_set_price(base, given)
        assert rates(price, tokens=1001)[0::4] == ("3", "8")
        assert rates(price, tokens=1000)[0::4] == ("1", "4")
        assert rates(price, "batch")[0::4] == ("0.4", "1.6")
        assert rates(price, "flex")[0::4] == ("0.25", "1")


def test_unlisted_model_needs_both_rates() -> None:
    assert with_set_price(None, named(usd_per_million_input="1")) is None
    assert with_set_price(None, named(usd_per_million_output="1")) is None
    price = with_set_price(None, named(usd_per_million_input="1", usd_per_million_output="2"))
    assert rates(price) == ("1", "1", "1", "1", "2")


def test_zero_is_a_price(tmp_path: Path) -> None:
    given = named(usd_per_million_input="0", usd_per_million_output="0")
    price = with_set_price(listed(tmp_path, "anthropic/claude-haiku-5-5"), given)
    assert price is not None and price.charge(Usage(200_000, 9, 1, 0, 2, 1), NOW).usd == 0


def test_proportion_that_does_not_divide_is_rounded_up(tmp_path: Path) -> None:
    price = with_set_price(listed(tmp_path, "openai/gpt-6-luna"), named(usd_per_million_input="0.7"))
    third = with_set_price(listed(tmp_path, "gemini/gemini-2.5-flash-lite"), named(usd_per_million_input="0.33333"))
    assert rates(price)[1:3] == ("0.07", "0.875")
    assert rates(third)[1] == "0.033333"


def test_free_echo_can_be_given_a_price(tmp_path: Path) -> None:
    given = named(usd_per_million_input="3", usd_per_million_output="15")
    assert rates(with_set_price(listed(tmp_path, "echo/echo"), given)) == ("3", "3", "3", "3", "15")


def test_reservation_uses_price_of_cache_write_where_the_provider_writes_by_itself(tmp_path: Path) -> None:
    openai, anthropic = (
        KnownPrice(lambda name=name: listed(tmp_path, name))  # type: ignore[misc]
        for name in ("openai/gpt-6.1-sol", "anthropic/claude-sonnet-5-5")
    )
    assert (openai.expected_usd(10_000, 2_000), openai.reserved_usd(10_000, 2_000)) == (
        Decimal("0.04"),
        Decimal("0.045"),
    )
    assert anthropic.reserved_usd(10_000, 2_000) == Decimal("0.04")
    assert openai.reserved_usd(300_000, 2_000) == Decimal("1.53")


@pytest.mark.parametrize(
    ("model", "moment", "tokens", "dollars"),
    [
        ("gemini/gemini-4-argon", "2026-11-29T10:00", 1, "2"),
        ("gemini/gemini-4-argon", "2026-11-30T10:00", 1, "4"),
        ("gemini/gemini-4-argon", "2026-12-03T10:00", 1, "4"),
        ("openai/gpt-6.1-sol", "2026-11-29T10:00", 272_001, "4"),
    ],
)
def test_highest_price_looks_one_day_ahead(tmp_path: Path, model: str, moment: str, tokens: int, dollars: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert listed(tmp_path, model).highest(at, tokens).input == Decimal(dollars)


def test_highest_price_knows_the_hours_of_the_next_day(tmp_path: Path) -> None:
    price = Catalogue(tmp_path).price("openai-compatible", "deepseek-v4-pro", "https://api.deepseek.com/v1")
    assert price is not None
    assert price.highest(datetime(2026, 11, 29, 12, tzinfo=UTC), 1).input == Decimal("1.32")
    assert price.highest(datetime(2026, 11, 28, 12, tzinfo=UTC), 1).input == Decimal("0.66")


@pytest.mark.parametrize(
    ("flags", "environ", "dollars"),
    [
        ({}, {}, "0.02"),
        ({"providers.openai": '{"tiers": {"t": {"usd_per_million_output": "8"}}, "default_tier": "t"}'}, {}, "0.026"),
        ({"drivers.openai.base_url": "https://api.groq.com/openai/v1"}, {}, None),
        ({}, {"OPENAI_BASE_URL": "https://api.groq.com/openai/v1"}, None),
    ],
)
def test_runtime_knows_price_of_model_at_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], environ: dict[str, str], dollars: str | None
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    runtime = Runtime(load_settings(flags, environ={"BOTTICELLI_HOME": str(tmp_path), **environ}, cwd=tmp_path))
    price = runtime.price(runtime.drivers.resolve("openai/gpt-6.1-terra"))
    expected = price.expected_usd(10_000, 2_000)
    assert expected == (None if dollars is None else Decimal(dollars))
    runtime.close()
