"""The drivers of the three SDKs by the suite of odd answers, over real connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from botticelli.drivers import Driver
from botticelli.drivers.anthropic import AnthropicDriver
from botticelli.drivers.gemini import GeminiDriver
from botticelli.drivers.openai import CompatibleDriver
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.testing.driver_answers import AnswerConformance
from botticelli.testing.providers import FakeProvider, RawAnswer
from tests.support.servers.sdks import ALL, CANARY, driver_for, request


@pytest.fixture(scope="module", autouse=True)
def _keys() -> Iterator[None]:
    """For as long as the one driver of each class lives."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
            patch.setenv(name, CANARY)
        yield


class TestGemini(AnswerConformance):
    wire = "gemini"
    model = "gemini-3.8-flash"

    def make_driver(self, url: str) -> Driver:
        return GeminiDriver({"base_url": url, "stream": True})


class TestAnthropic(AnswerConformance):
    wire = "anthropic"
    model = "claude-sonnet-5-5"

    def make_driver(self, url: str) -> Driver:
        return AnthropicDriver({"base_url": url, "stream": True})


class TestCompatible(AnswerConformance):
    wire = "openai"
    model = "x"

    def make_driver(self, url: str) -> Driver:
        return CompatibleDriver({"base_url": url, "stream": True})


@ALL
@pytest.mark.parametrize("stream", [True, False])
def test_reason_of_a_refusal_is_read_from_any_body(wire: Any, server: FakeProvider, stream: bool) -> None:
    quota = {"error": {"code": 429, "message": "Quota.", "details": [{"@type": "x.RetryInfo", "retryDelay": "3s"}]}}
    bodies = {
        422: b'{"detail": [{"loc": ["body", "model"], "msg": "field required"}]}',
        429: json.dumps([quota]).encode(),
        502: b"<html><title>Bad gateway</title></html>",
        400: b'{"errors": ["no such field"]}',
    }
    server.answer_raw(*(RawAnswer(body, status=status) for status, body in bodies.items()))
    driver, errors = driver_for(server, stream=stream), list[DriverError]()
    for _ in bodies:
        with pytest.raises(DriverError) as caught:
            driver.stream(request(wire), lambda text: None)
        errors.append(caught.value)
    driver.close()
    reasons = ("422: body.model: field required", "429: Quota.", "502: Bad gateway", "400: no such field")
    assert [error.what for error in errors] == list(reasons)
    assert isinstance(errors[1], DriverTransient) and errors[1].retry_after_seconds == 3


@ALL
def test_status_counts_where_the_body_can_not_be_unpacked(wire: Any, server: FakeProvider) -> None:
    packed = {"content-encoding": "gzip"}
    server.answer_raw(
        RawAnswer(b"no gzip", status=429, headers={**packed, "retry-after": "3"}),
        RawAnswer(b"no gzip", status=402, headers=packed),
        RawAnswer(b"no gzip", headers=packed),
    )
    driver, errors = driver_for(server), list[DriverError]()
    for _ in range(3):
        with pytest.raises(DriverError) as caught:
            driver.generate(request(wire))
        errors.append(caught.value)
    driver.close()
    assert [type(error) for error in errors] == [DriverTransient, DriverTerminal, DriverUnknown]
    assert isinstance(errors[0], DriverTransient) and errors[0].retry_after_seconds == 3
    reasons = ["status 429", "status 402", "the answer can't be decompressed"]
    assert [error.what for error in errors] == reasons
