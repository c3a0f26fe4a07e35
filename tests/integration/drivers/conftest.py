"""Servers that play the providers of the three SDKs, keys for them, and an end for the drivers that a test made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from botticelli.testing.providers import FakeProvider
from tests.support.servers.sdks import CANARY, made


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, CANARY)


@pytest.fixture
def server(wire: Any) -> Iterator[FakeProvider]:
    with FakeProvider(wire) as made:
        yield made


@pytest.fixture
def closed() -> Iterator[None]:
    yield
    while made:
        made.pop().close()
