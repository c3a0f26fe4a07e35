"""The echo driver: what it says, what it counts, and every fault it can be told to have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botticelli.drivers import Driver, GenerateRequest, Message
from botticelli.drivers.echo import EchoDriver
from botticelli.errors import DriverTerminal, DriverTransient, DriverUnknown, SettingsError


def request(text: str = "Say hello", **values: Any) -> GenerateRequest:
    return GenerateRequest(model="echo", messages=(Message("user", text),), **values)


def test_echo_says_what_it_is_and_always_the_same() -> None:
    driver: Driver = EchoDriver()
    first, second = driver.generate(request()), EchoDriver().generate(request())
    assert first == second
    assert first.text == "[echo: no model was called] Say hello"
    assert first.cost_usd == 0


def test_echo_counts_four_characters_as_a_token() -> None:
    usage = EchoDriver().generate(request("x" * 9, system="y" * 3)).usage
    assert usage.input_tokens == 3


def test_echo_uses_the_tokens_that_the_narrative_expects() -> None:
    assert EchoDriver().generate(request(expected_tokens=1000)).usage.total_tokens == 1000
    assert EchoDriver().generate(request("x" * 400, expected_tokens=10)).usage.total_tokens == 10
    assert EchoDriver({"output_tokens": 7}).generate(request(expected_tokens=1000)).usage.output_tokens == 7


def test_json_is_json() -> None:
    assert json.loads(EchoDriver().generate(request(json=True)).text)


def test_the_script_of_errors_is_played_once_in_order() -> None:
    driver = EchoDriver({"errors": ["ok", "429:2", "500", "400", "hang"], "timeout_seconds": 0.01})
    driver.generate(request())
    with pytest.raises(DriverTransient) as limited:
        driver.generate(request())
    assert limited.value.retry_after_seconds == 2
    with pytest.raises(DriverTransient) as broken:
        driver.generate(request())
    assert broken.value.retry_after_seconds is None
    with pytest.raises(DriverTerminal):
        driver.generate(request())
    with pytest.raises(DriverUnknown):
        driver.generate(request())
    assert driver.generate(request()).text


def test_the_error_rate_is_met_and_repeatable() -> None:
    def failures() -> list[bool]:
        driver, failed = EchoDriver({"error_rate": 0.3}), []
        for _ in range(200):
            try:
                driver.generate(request())
                failed.append(False)
            except DriverTransient:
                failed.append(True)
        return failed

    assert failures() == failures()
    assert 40 <= sum(failures()) <= 80


@pytest.mark.parametrize(
    "options",
    [
        {"latency": 1},
        {"error_rate": 2},
        {"errors": ["perhaps"]},
        {"errors": ["429:x"]},
        {"output_tokens": -1},
        {"errors": 5},
    ],
)
def test_options_that_are_wrong_are_settings_errors(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"drivers\.echo"):
        EchoDriver(options)


def test_typed_request_is_answered_with_a_value_of_its_schema() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer", "minimum": 3}}, "required": ["score"]}
    request = GenerateRequest(model="echo", messages=(Message("user", "Judge."),), json=True, json_schema=schema)
    assert EchoDriver().generate(request).text == '{"score": 3}'
