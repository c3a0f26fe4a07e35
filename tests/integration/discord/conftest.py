"""A Discord that the tests own the socket of, and runtimes whose commands go there."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from botticelli.runtime.process import Runtime
from botticelli.testing.discord import TOKEN, FakeDiscord, serving
from tests.support.servers.discord_openapi import faults
from workers.effects import captures


class Lazily:
    """Stands for a module until a test uses one of its names; has none while tests are collected, which looks for some.

    Each process collects all tests, but only one of them runs those that need a heavy client.
    """

    def __init__(self, name: str, *ignored_warnings: str) -> None:
        self._name = name
        self._ignored_warnings = ignored_warnings

    def __getattr__(self, name: str) -> Any:
        if "PYTEST_CURRENT_TEST" not in os.environ:
            raise AttributeError(name)
        with warnings.catch_warnings():
            for message in self._ignored_warnings:
                warnings.filterwarnings("ignore", message)
            return getattr(import_module(self._name), name)


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDiscord]:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    captures._verified.clear()
    with serving() as fake:
        yield fake
    requests = {(request.method, request.path, json.dumps(request.body)) for request in fake.requests}
    assert [fault for method, path, body in requests for fault in faults(method, path, json.loads(body))] == []


@pytest.fixture
def server() -> Iterator[FakeDiscord]:
    """For the clients of others, whose requests are not ours to answer for."""
    with serving() as fake:
        yield fake


@pytest.fixture
def on_discord(make_runtime: Callable[..., Runtime], discord: FakeDiscord) -> Callable[..., Runtime]:
    def make(**flags: str) -> Runtime:
        own = {"platforms__discord__implementation": "discord", "platforms__discord__base_url": discord.url}
        return make_runtime(**own | {"worker__inline_wait_seconds": "2"} | flags)

    return make
