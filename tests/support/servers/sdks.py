"""Makes drivers of the three SDKs for fake providers, and requests for them."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.anthropic import AnthropicDriver
from botticelli.drivers.gemini import GeminiDriver
from botticelli.drivers.openai import OpenAIDriver
from botticelli.drivers.sdk import SdkDriver
from botticelli.testing.providers import FakeProvider

CANARY = "sk-canary-0123456789-never-seen"
DRIVERS: dict[str, type[SdkDriver[Any, Any]]] = {
    "gemini": GeminiDriver,
    "anthropic": AnthropicDriver,
    "openai": OpenAIDriver,
}
MODELS = {"gemini": "gemini-3.8-flash", "anthropic": "claude-sonnet-5-5", "openai": "gpt-6-luna"}
ALL = pytest.mark.parametrize("wire", list(DRIVERS))
made: list[SdkDriver[Any, Any]] = []
"""Drivers to close at the end of a test."""


def driver_for(server: FakeProvider, **options: Any) -> SdkDriver[Any, Any]:
    made.append(DRIVERS[server.wire]({"base_url": server.url, **options}))
    return made[-1]


def request(wire: str, text: str = "Say hello.", **fields: Any) -> GenerateRequest:
    return GenerateRequest(model=fields.pop("model", MODELS[wire]), messages=(Message("user", text),), **fields)
