"""Costs of thirty current models, written by hand from the price pages of the providers as of 2026-11-29."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from botticelli.drivers import Usage
from botticelli.pricing import Catalogue, ModelPrice, Rates, recomputed_cost_usd

SUNDAY_NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOSTS = {
    "x-ai": "https://api.x.ai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "groq": "https://api.groq.com/openai/v1",
}
USAGES = {
    "plain": Usage(10_000, 2_000),
    "cached read": Usage(10_000, 2_000, cached_tokens=8_000),
    "cache write": Usage(10_000, 2_000, cache_write_tokens=8_000, cache_write_long_tokens=2_000),
    "long context": Usage(300_000, 2_000),
    "batch": Usage(10_000, 2_000),
    "flex": Usage(10_000, 2_000),
}
TABLE = """
model                                 | plain   | cached read | cache write | long context | batch    | flex
anthropic/claude-fable-5-2            | 0.16    | 0.0976      | 0.188       | 2.48         | 0.08     | -
anthropic/claude-opus-5-5             | 0.08    | 0.0496      | 0.094       | 1.24         | 0.04     | -
anthropic/claude-sonnet-5-5           | 0.04    | 0.0248      | 0.047       | 0.62         | 0.02     | -
anthropic/claude-haiku-5-5            | 0.002   | 0.00128     | 0.00235     | 0.155        | 0.001    | -
anthropic/claude-haiku-4-5            | 0.02    | 0.0128      | 0.0235      | 0.31         | 0.01     | -
openai/gpt-6.2-astra                  | 0.16    | 0.0992      | 0.196       | 4.92         | 0.08     | -
openai/gpt-6.2-sol                    | 0.04    | 0.0248      | 0.049       | 1.23         | 0.02     | -
openai/gpt-6.1-sol                    | 0.04    | 0.0248      | 0.049       | 1.23         | 0.02     | 0.02
openai/gpt-6.1-terra                  | 0.02    | 0.0124      | 0.0245      | 0.615        | 0.01     | 0.01
openai/gpt-6-luna                     | 0.002   | 0.00128     | 0.00245     | 0.0615       | 0.001    | 0.001
openai/gpt-6-astra                    | 0.2     | 0.128       | 0.245       | 6.15         | 0.1      | 0.1
gemini/gemini-4-carbon                | 0.04    | 0.0248      | -           | 0.62         | 0.02     | 0.02
gemini/gemini-4-argon                 | 0.04    | 0.0248      | -           | 0.62         | 0.02     | 0.02
gemini/gemini-4-neon                  | 0.06    | 0.0372      | -           | 0.93         | 0.03     | 0.03
gemini/gemini-4-hydrogen              | 0.03    | 0.0186      | -           | 0.465        | 0.015    | 0.015
gemini/gemini-3.8-flash               | 0.015   | 0.0096      | -           | 0.2325       | 0.0075   | 0.0075
gemini/gemini-3.5-flash-lite          | 0.008   | 0.00584     | -           | 0.095        | 0.004    | 0.004
gemini/gemini-3.1-flash-lite          | 0.0055  | 0.0037      | -           | 0.078        | 0.00275  | 0.00275
gemini/gemini-2.5-flash-lite          | 0.0018  | 0.00108     | -           | 0.0308       | 0.0009   | 0.0009
x-ai/grok-4.7                         | 0.032   | 0.02        | -           | 1.224        | -        | -
x-ai/grok-4.6                         | 0.032   | 0.02        | -           | 1.224        | -        | -
x-ai/grok-4.3                         | 0.0175  | 0.0091      | -           | 0.76         | -        | -
mistral/mistral-large-4               | 0.0112  | 0.00616     | -           | 0.2142       | -        | -
mistral/mistral-medium-latest         | 0.03    | 0.0192      | -           | 0.465        | -        | -
mistral/mistral-small-latest          | 0.0027  | 0.00162     | -           | 0.0462       | -        | -
deepseek/deepseek-v4-pro              | 0.01056 | 0.005456    | -           | 0.20196      | -        | -
deepseek/deepseek-flash               | 0.0027  | 0.001524    | -           | 0.0462       | -        | -
deepseek/deepseek-v4-flash            | 0.0027  | 0.001524    | -           | 0.0462       | -        | -
groq/openai/gpt-oss-120b              | 0.0027  | 0.0021      | -           | 0.0462       | 0.00135  | -
groq/openai/gpt-oss-20b               | 0.00135 | 0.00105     | -           | 0.0231       | 0.000675 | -
"""
"""US dollars for each of USAGES; `-` where the provider bills nothing of that kind, or offers no such service."""


def cells() -> list[tuple[str, str, Decimal]]:
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines())
    return [
        (row[0], usage, Decimal(cost))
        for row in rows
        for usage, cost in zip(head[1:], row[1:], strict=True)
        if cost != "-"
    ]


def price_of(model: str, home: Path) -> ModelPrice:
    provider, _, name = model.partition("/")
    driver = "openai-compatible" if provider in HOSTS else provider
    price = Catalogue(home).price(driver, name, HOSTS.get(provider))
    assert price is not None
    return price


def test_table_holds_thirty_models() -> None:
    assert len({model for model, _, _ in cells()}) == 30
    assert len(cells()) == 30 * 3 + 11 + 21 + 12


@pytest.mark.parametrize(("model", "usage", "usd"), cells(), ids=str)
def test_cost_equals_formula_of_provider(tmp_path: Path, model: str, usage: str, usd: Decimal) -> None:
    service = usage if usage in ("batch", "flex") else "standard"
    charge = price_of(model, tmp_path).charge(USAGES[usage], SUNDAY_NOON, service)
    assert (charge.usd, charge.applied.service) == (usd, service)
    counts = {name: getattr(USAGES[usage], name) for name in Usage.__slots__}
    assert recomputed_cost_usd({**counts, "price": charge.applied.as_json()}) == usd


@pytest.mark.parametrize("model", [model for model, usage, _ in cells() if usage == "plain"])
def test_cost_of_service_that_model_has_not_is_the_standard_one(tmp_path: Path, model: str) -> None:
    charge = price_of(model, tmp_path).charge(USAGES["plain"], SUNDAY_NOON, "scale")
    assert charge.applied.service == "standard"
    assert charge.usd == next(usd for name, usage, usd in cells() if (name, usage) == (model, "plain"))


@pytest.mark.parametrize(
    ("model", "moment", "usd"),
    [
        ("gemini/gemini-4-argon", "2026-11-30T23:59:59", "0.04"),
        ("gemini/gemini-4-argon", "2026-12-01T00:00:00", "0.08"),
        ("gemini/gemini-4-carbon", "2026-12-01T00:00:00", "0.08"),
        ("gemini/gemini-3.8-flash", "2027-01-01T00:00:00", "0.03"),
        ("gemini/gemini-2.5-pro", "2026-11-30T12:00:00", "0.0325"),
        ("gemini/gemini-2.5-pro", "2026-12-02T12:00:00", "0.015"),
        ("deepseek/deepseek-v4-pro", "2026-11-30T00:59:59", "0.01056"),
        ("deepseek/deepseek-v4-pro", "2026-11-30T01:00:00", "0.02112"),
        ("deepseek/deepseek-v4-pro", "2026-11-30T04:00:00", "0.01056"),
        ("deepseek/deepseek-v4-pro", "2026-11-30T09:59:59", "0.02112"),
        ("deepseek/deepseek-v4-pro", "2026-11-29T02:00:00", "0.01056"),
        ("deepseek/deepseek-flash", "2026-12-04T06:00:00", "0.0054"),
    ],
)
def test_price_follows_date_and_hour_of_call(tmp_path: Path, model: str, moment: str, usd: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert price_of(model, tmp_path).charge(USAGES["plain"], at).usd == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        ("anthropic/claude-haiku-5-5", 100_000, "0.01"),
        ("anthropic/claude-haiku-5-5", 100_001, "0.0500005"),
        ("openai/gpt-6.2-sol", 272_000, "0.544"),
        ("openai/gpt-6.2-sol", 272_001, "1.088004"),
        ("openai/gpt-6-luna", 272_001, "0.0544002"),
        ("x-ai/grok-4.7", 199_999, "0.399998"),
        ("x-ai/grok-4.7", 200_000, "0.8"),
    ],
)
def test_long_context_begins_at_its_token(tmp_path: Path, model: str, tokens: int, usd: str) -> None:
    assert price_of(model, tmp_path).charge(Usage(tokens, 0), SUNDAY_NOON).usd == Decimal(usd)


@pytest.mark.parametrize(
    ("service", "usd"), [("standard+us", "0.088"), ("batch+us", "0.044"), ("fast", "0.16"), ("fast+us", "0.176")]
)
def test_surcharges_multiply_price_of_service(tmp_path: Path, service: str, usd: str) -> None:
    charge = price_of("anthropic/claude-opus-5-5", tmp_path).charge(USAGES["plain"], SUNDAY_NOON, service)
    assert (charge.usd, charge.applied.service) == (Decimal(usd), service)


@pytest.mark.parametrize("life", ["batch", "flex"])
def test_discounts_of_service_reach_cache_and_long_context(tmp_path: Path, life: str) -> None:
    price = price_of("openai/gpt-6.1-sol", tmp_path)
    usage = Usage(300_000, 2_000, cached_tokens=100_000, cache_write_tokens=100_000)
    half = price.charge(usage, SUNDAY_NOON, life).usd
    assert half * 2 == price.charge(usage, SUNDAY_NOON).usd == Decimal("0.95")


@pytest.mark.parametrize(
    ("driver", "model", "url"),
    [
        ("openai", "gpt-9-nova", None),
        ("openai-compatible", "gpt-6-luna", "http://127.0.0.1:11434/v1"),
        ("openai-compatible", "gpt-6-luna", None),
        ("openai-compatible", "gpt-6-luna", "https://models.example.org/v1"),
        ("someone", "something", None),
    ],
)
def test_unlisted_model_has_no_price(tmp_path: Path, driver: str, model: str, url: str | None) -> None:
    assert Catalogue(tmp_path).price(driver, model, url) is None


@pytest.mark.parametrize("model", ["echo/echo", "echo/anything", "local/smollm2"])
def test_models_of_this_machine_are_free(tmp_path: Path, model: str) -> None:
    charge = price_of(model, tmp_path).charge(USAGES["cache write"], SUNDAY_NOON)
    assert charge.usd == 0
    assert charge.applied.source == "free of charge"


def test_server_of_test_has_prices_of_its_driver(tmp_path: Path) -> None:
    price = Catalogue(tmp_path).price("openai", "gpt-6-luna", "http://127.0.0.1:4010/v1")
    assert price is not None and price.charge(USAGES["plain"], SUNDAY_NOON).usd == Decimal("0.002")


def test_rates_subtract_every_kind_of_cached_token_once() -> None:
    rates = Rates(*map(Decimal, ("1", "0.1", "1.25", "2", "5")))
    usage = Usage(1_000_000, 10, cached_tokens=100_000, cache_write_tokens=300_000, cache_write_long_tokens=100_000)
    assert rates.cost_usd(usage) == Decimal("0.6") + Decimal("0.01") + Decimal("0.25") + Decimal("0.2") + Decimal(
        "0.00005"
    )


def test_price_of_a_shipped_entry_is_found_without_the_list(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    assert catalogue.price("openai", "gpt-6.2-sol") is not None
    assert "price_list" not in vars(catalogue)
    assert catalogue.price("openai", "gpt-6-luna") is not None
    assert "price_list" in vars(catalogue)
