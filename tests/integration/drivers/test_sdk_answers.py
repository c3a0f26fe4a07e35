"""The drivers of the three SDKs by the suite of odd answers, over real connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botticelli.drivers import Driver
from botticelli.drivers.anthropic import AnthropicDriver
from botticelli.drivers.gemini import GeminiDriver
from botticelli.drivers.openai import CompatibleDriver
from botticelli.testing.driver_answers import AnswerConformance
from tests.support.sdks import CANARY


@pytest.fixture(scope="module", autouse=True)
def _keys() -> Iterator[None]:
    """For as long as the one driver of each class lives."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GEMINI_API_KEY", "ANTHROPIC_API_KEY"):
            patch.setenv(name, CANARY)
        yield


class TestGemini(AnswerConformance):
    wire = "gemini"
    model = "gemini-2.5-flash"

    def make_driver(self, url: str) -> Driver:
        return GeminiDriver({"base_url": url, "stream": True})


class TestAnthropic(AnswerConformance):
    wire = "anthropic"
    model = "claude-sonnet-4"

    def make_driver(self, url: str) -> Driver:
        return AnthropicDriver({"base_url": url, "stream": True})


class TestCompatible(AnswerConformance):
    wire = "openai"
    model = "x"

    def make_driver(self, url: str) -> Driver:
        return CompatibleDriver({"base_url": url, "stream": True})
