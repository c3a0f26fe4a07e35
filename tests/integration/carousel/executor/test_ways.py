"""A plain file, its iteration and a bot command enter the files that docs/architecture.md names, and few of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.messages import WIRE_VERSION
from botticelli.narrative import Environment, load_narrative
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from botticelli.testing.discord import TOKEN, FakeDiscord, serving
from tests.support.architecture.ways import entered, ways
from tests.support.commands import create
from tests.support.narratives import narrative_text, run_of, start
from workers.effects import captures
from workers.handlers import perform_message

MAX_WORKER_FILES = 16
"""Two thirds of the 24 files of workers/ that a message entered when it was first measured."""
MAX_SPENDING_FILES = 9
"""Two thirds of the 14 files between a reservation and Lua when they were first counted."""
MAX_ENQUEUE_FILES = 40
"""Two thirds of the 61 files between a narrative's file and its enqueued run when they were first counted."""
MAX_COMMAND_FILES = 44
"""Two thirds of the 66 files that a bot command entered when it was first measured."""
ELSEWHERE = {"botticelli/budget/protocol.py", "botticelli/budget/memory/memory_budget.py"}
"""Files that the way to Lua names beside it."""


@pytest.fixture
def discord(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDiscord]:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    captures._verified.clear()
    with serving() as fake:
        yield fake


def test_file_enters_the_files_of_its_way_in_order(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 3600.0)
    file = tmp_path / "plain.toml"
    file.write_text(narrative_text(1))

    def enqueue_file() -> Run:
        environment = Environment.for_local_files(os.environ, ())
        return enqueue(runtime, load_narrative(file, environment=environment), str(file), EnqueueRequest()).run

    enqueue_file()
    with entered() as files:
        run = enqueue_file()
    assert (run.status, run.dispatched) == ("running", 1)
    assert ["botticelli/cli/runs/run_command.py", *files] == ways()["From a file to an enqueued run"]
    assert len(files) <= MAX_ENQUEUE_FILES


def test_message_enters_the_files_of_its_ways_and_few_of_workers(runtime: Runtime) -> None:
    perform_message(runtime, WIRE_VERSION, start(runtime, narrative_text(1)).id, 1)
    with entered() as files:
        run = start(runtime, narrative_text(1))
        perform_message(runtime, WIRE_VERSION, run.id, 1)
    assert run_of(runtime, run.id).status == "completed"
    workers = {file for file in files if file.startswith("workers/") and not file.startswith("workers/transport/")}
    named = {file for file in ways()["From a message to a finished row"] if file.startswith("workers/")}
    assert workers == {file for file in named if not file.startswith("workers/transport/")}
    assert len(workers) <= MAX_WORKER_FILES
    spending = {file for file in ways()["From reserve to Lua"] if file.endswith(".py")} - ELSEWHERE
    assert spending <= set(files)
    assert len(spending) <= MAX_SPENDING_FILES


def test_bot_command_enters_the_files_of_its_way_in_order(
    make_runtime: Callable[..., Runtime], discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 3600.0)
    runtime = make_runtime(platforms__discord__implementation="discord", platforms__discord__base_url=discord.url)
    perform_message(runtime, WIRE_VERSION, start(runtime, narrative_text(1, create(name="first"))).id, 1)
    run = start(runtime, narrative_text(1, create()))
    with entered() as files:
        perform_message(runtime, WIRE_VERSION, run.id, 1)
    assert run_of(runtime, run.id).status == "completed"
    way = [file for file in files if not file.startswith("workers/transport/")]
    assert way == ways()["From a bot command to its effect"]
    assert len(way) <= MAX_COMMAND_FILES
