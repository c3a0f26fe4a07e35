"""The client before any server answers: what it refuses, and what it says when none is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botticelli.client import Client, EnqueueOptions
from botticelli.errors import InvalidInput, ServiceUnavailable
from botticelli.settings import load_settings
from tests.support.fleet.ports import refusing


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Client]:
    """A client whose servers refuse connections."""
    with refusing() as redis_port, refusing() as postgres_port:
        environ = {
            "BOTTICELLI_HOME": str(tmp_path),
            "BOTTICELLI_REDIS_URL": f"redis://:secret@127.0.0.1:{redis_port}/0",
            "BOTTICELLI_DATABASE_URL": f"postgresql://ada:secret@127.0.0.1:{postgres_port}/runs",
        }
        with Client(load_settings({}, environ=environ, cwd=tmp_path)) as client:
            yield client


def test_enqueue_without_redis_is_service_unavailable(alone: Client) -> None:
    with pytest.raises(ServiceUnavailable, match="Redis is not available") as refused:
        alone.enqueue("hello")
    assert "BOTTICELLI_REDIS_URL" in refused.value.where
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get("latest"),
        lambda client: client.runs(),
        lambda client: client.status("r"),
        lambda client: client.result("r"),
        lambda client: client.wait("r", 1),
        lambda client: list(client.watch("r")),
        lambda client: list(client.outputs("r")),
        lambda client: client.diagnose("r"),
        lambda client: client.cancel("r"),
        lambda client: client.effects("r"),
        lambda client: client.approve("e"),
        lambda client: client.pause_budget("echo/echo@small"),
    ],
)
def test_call_without_postgres_is_service_unavailable(alone: Client, call: Callable[[Client], object]) -> None:
    with pytest.raises(ServiceUnavailable, match="Postgres") as refused:
        call(alone)
    assert "secret" not in str(refused.value)


def test_options_and_keywords_at_once_are_refused_before_anything_is_sent(alone: Client) -> None:
    with pytest.raises(InvalidInput, match="EnqueueOptions or keywords, not both"):
        alone.enqueue("hello", EnqueueOptions(iterations=2), tags=["nightly"])


def test_options_are_checked_like_keywords(alone: Client) -> None:
    with pytest.raises(InvalidInput, match="iterations must be from 1"):
        alone.enqueue("hello", EnqueueOptions(iterations=0))
    with pytest.raises(InvalidInput, match="tags must be a list of strings, not a string"):
        alone.enqueue("hello", EnqueueOptions(tags="nightly"))


def test_error_of_the_caller_is_raised_unchanged(alone: Client) -> None:
    with pytest.raises(InvalidInput, match="give either the name of a narrative or its text"):
        alone.enqueue()
