"""Tests that a driver conforms to the protocol: subclass `DriverConformance`, give it a driver, and run pytest.

The suite calls `generate` a dozen times: use a model that costs nothing, or a local server.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from botticelli.drivers import (
    CountsTokens,
    Driver,
    GenerateRequest,
    GenerateResponse,
    KnowsSchemas,
    Message,
    Readiness,
    ReportsLimits,
    ReportsReadiness,
    Streams,
    TakesMedia,
)
from botticelli.errors import DriverTerminal, DriverTransient, DriverUnknown, SettingsError
from botticelli.settings import Provider

THREADS = 8
SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}, "additionalProperties": False}


class DriverConformance:
    """Conformance suite of drivers: override `make_driver` and `model`, and optionally `failing_driver`."""

    model = ""
    """A bare model name, without `provider/`."""
    secret = ""
    """The API key or a part of it, if the driver has one: it must not appear in any text."""

    def make_driver(self) -> Driver:
        raise NotImplementedError

    def failing_driver(self) -> Driver | None:
        """Make a driver whose calls fail; None skips the test of errors."""
        return None

    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        driver = self.make_driver()
        yield driver
        _close(driver)

    def request(self, text: str = "Say hello.", **fields: object) -> GenerateRequest:
        return GenerateRequest(model=self.model, messages=(Message("user", text),), **fields)  # type: ignore[arg-type]

    def test_driver_name_has_no_slash(self, driver: Driver) -> None:
        assert driver.name
        assert "/" not in driver.name and driver.name == driver.name.strip()

    def test_unknown_option_is_a_settings_error(self, driver: Driver) -> None:
        with pytest.raises(SettingsError, match="no_such_option"):
            type(driver)({"no_such_option": 1})  # type: ignore[call-arg]

    def test_unknown_model_is_not_claimed(self, driver: Driver) -> None:
        assert not driver.claims("a-model-of-nobody")
        assert not driver.claims("")

    def test_limits_are_those_of_tiers(self, driver: Driver) -> None:
        limits = driver.rate_limits()
        assert isinstance(limits, Provider)
        assert limits.default_tier is None or limits.default_tier in limits.tiers

    def test_answer_has_text_usage_and_a_reason(self, driver: Driver) -> None:
        self.check(driver.generate(self.request(system="Be short.", max_tokens=50, temperature=0.5)))

    def check(self, response: GenerateResponse) -> None:
        assert response.text.strip()
        usage = response.usage
        assert usage.input_tokens > 0 and usage.output_tokens > 0
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        assert 0 <= usage.reasoning_tokens <= usage.output_tokens
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        assert response.finish_reason

    def test_conversation_is_answered(self, driver: Driver) -> None:
        turns = (Message("user", "Say one."), Message("assistant", "One."), Message("user", "Say two."))
        self.check(driver.generate(GenerateRequest(model=self.model, messages=turns, max_tokens=50)))

    def test_json_request_is_answered_with_json(self, driver: Driver) -> None:
        text = driver.generate(self.request('Answer with {"a": 1} as JSON.', json=True, max_tokens=50)).text
        assert json.loads(text) is not None

    def test_typed_request_is_answered_with_json(self, driver: Driver) -> None:
        if isinstance(driver, KnowsSchemas):
            assert isinstance(driver.knows_schema(self.model, SCHEMA), bool)
            prompt = 'Answer with {"a": 1} as JSON.'
            text = driver.generate(self.request(prompt, json=True, json_schema=SCHEMA, max_tokens=50)).text
            assert isinstance(json.loads(text), dict)

    def test_driver_serves_many_threads(self, driver: Driver) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for response in pool.map(lambda n: driver.generate(self.request(f"Say {n}.")), range(THREADS)):
                self.check(response)

    def test_failure_is_a_driver_error_that_can_be_pickled(self) -> None:
        driver = self.failing_driver()
        if driver is None:
            return
        with pytest.raises((DriverTransient, DriverTerminal, DriverUnknown)) as caught:
            driver.generate(self.request())
        error = caught.value
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
        assert error.__cause__ is None and error.__context__ is None
        assert not self.secret or self.secret not in repr(error) + str(error)
        _close(driver)

    def test_stream_is_the_answer_in_pieces(self, driver: Driver) -> None:
        if not isinstance(driver, Streams):
            return
        pieces: list[str] = []
        response = driver.stream(self.request(), pieces.append)
        self.check(response)
        assert "".join(pieces) == response.text

    def test_token_count_grows_with_the_text(self, driver: Driver) -> None:
        if not isinstance(driver, CountsTokens):
            return
        short, long = driver.count_tokens(self.request("a")), driver.count_tokens(self.request("a word " * 100))
        assert short is None or (long is not None and 0 < short < long)

    def test_media_kinds_by_url_are_supported_kinds(self, driver: Driver) -> None:
        if isinstance(driver, TakesMedia):
            assert driver.url_kinds(self.model) <= driver.media_kinds(self.model)

    def test_learned_limits_are_whole_numbers(self, driver: Driver) -> None:
        if isinstance(driver, ReportsLimits):
            driver.generate(self.request())
            limits = [limit for of_model in driver.learned_limits().values() for limit in of_model.values()]
            assert all(isinstance(limit, int) and limit > 0 for limit in limits)

    def test_readiness_contains_no_key(self, driver: Driver) -> None:
        if isinstance(driver, ReportsReadiness):
            readiness = driver.readiness()
            assert isinstance(readiness, Readiness)
            assert not self.secret or self.secret not in repr(readiness)


def _close(driver: Driver) -> None:
    """Close the driver if it has `close()`, as drivers that keep connections do."""
    close = getattr(driver, "close", None)
    if close is not None:
        close()
