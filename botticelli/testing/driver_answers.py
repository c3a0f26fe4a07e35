"""Tests how a driver reads odd answers: subclass `AnswerConformance`, give it a driver, and run pytest.

The answers are in `answers/*.toml`, each with its expected outcome; a local server gives them.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import pytest

from botticelli.drivers import Driver, GenerateRequest, GenerateResponse, Message, Streams
from botticelli.errors import DriverError, DriverTerminal, DriverTransient, DriverUnknown
from botticelli.testing.providers import FakeProvider, RawAnswer

WireName = Literal["gemini", "anthropic", "openai"]
ERRORS = {"transient": DriverTransient, "terminal": DriverTerminal, "unknown": DriverUnknown}
PROMPT = "Say hello."


@dataclass(frozen=True, slots=True)
class OddAnswer:
    """One answer of a provider. `right` is the expected outcome: an `error` of one of three kinds, or a response."""

    name: str
    body: bytes
    is_stream: bool
    content_type: str
    right: Mapping[str, Any] = field(default_factory=dict)

    def check(self, outcome: GenerateResponse | DriverError) -> None:
        """Raise AssertionError unless the outcome is the expected one."""
        expected = ERRORS[self.right["error"]] if "error" in self.right else GenerateResponse
        assert isinstance(outcome, expected), outcome
        if isinstance(outcome, DriverError):
            self._check_error(outcome)
        else:
            self._check_response(outcome)

    def _check_error(self, error: DriverError) -> None:
        right = self.right
        assert right.get("says", "") in str(error)
        assert _is_storable(str(error))
        if "served" in right:
            assert error.served_tokens[:2] == tuple(right["served"])
        for served, least in zip(error.served_tokens[:2], right.get("served_at_least", (0, 0)), strict=True):
            assert served >= least

    def _check_response(self, response: GenerateResponse) -> None:
        right, usage = self.right, (response.usage.input_tokens, response.usage.output_tokens)
        seen: dict[str, Any] = {
            "text": response.text,
            "reasoning": response.reasoning,
            "finish": response.finish_reason,
        }
        parts = ("reasoning_tokens", "cached_tokens", "cache_write_tokens", "cache_write_long_tokens")
        seen |= {"doubtful": response.usage_doubtful, "service": response.service}
        seen |= {name: getattr(response.usage, name) for name in parts}
        expected = {key: value for key, value in right.items() if key in seen}
        assert {key: seen[key] for key in expected} == expected
        assert usage == tuple(right.get("usage", usage))
        assert all(count >= least for count, least in zip(usage, right.get("at_least", (0, 0)), strict=True))
        assert all(count <= most for count, most in zip(usage, right.get("at_most", usage), strict=True))
        assert all(type(count) is int for count in usage)
        assert right.get("warns", "") in " ".join(response.warnings)
        assert bool(response.warnings) or not response.usage_doubtful
        assert response.finish_reason != right.get("finish_is_not")
        texts = (response.text, response.reasoning, response.finish_reason, *response.warnings)
        assert all(map(_is_storable, texts))


def odd_answers(wire: WireName) -> list[OddAnswer]:
    """Load all answers for a wire protocol."""
    text = files("botticelli.testing").joinpath("answers", f"{wire}.toml").read_text(encoding="utf-8")
    return [_read(row) for row in tomllib.loads(text)["answer"]]


def _read(row: Mapping[str, Any]) -> OddAnswer:
    is_stream = row.get("stream", False)
    body = base64.b64decode(row["body_base64"]) if "body_base64" in row else row["body"].encode()
    content_type = row.get("content_type", "text/event-stream" if is_stream else "application/json")
    return OddAnswer(row["name"], body, is_stream, content_type, row["right"])


def _is_storable(text: str) -> bool:
    """Return whether the text has neither NUL nor unpaired surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


class AnswerConformance:
    """Conformance suite: override `wire`, `model` and `make_driver`, which gets the URL of the server."""

    wire: WireName
    model = ""

    def make_driver(self, url: str) -> Driver:
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "answer" in metafunc.fixturenames and metafunc.cls is not None:
            answers = odd_answers(metafunc.cls.wire)
            metafunc.parametrize("answer", answers, ids=[answer.name for answer in answers])

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls) -> Iterator[tuple[FakeProvider, Driver]]:
        """Run one server and one driver for all answers."""
        with FakeProvider(cls.wire) as server:
            driver = cls().make_driver(server.url)
            yield server, driver
            getattr(driver, "close", lambda: None)()

    def test_odd_answer_gives_what_is_right(self, served: tuple[FakeProvider, Driver], answer: OddAnswer) -> None:
        server, driver = served
        requests = len(server.received)
        server.answer_raw(RawAnswer(answer.body, answer.content_type))
        answer.check(self._outcome(driver, answer))
        assert len(server.received) == requests + 1

    def _outcome(self, driver: Driver, answer: OddAnswer) -> GenerateResponse | DriverError:
        request = GenerateRequest(model=self.model, messages=(Message("user", PROMPT),))
        try:
            if answer.is_stream and isinstance(driver, Streams):
                return driver.stream(request, lambda text: None)
            return driver.generate(request)
        except DriverError as error:
            return error
