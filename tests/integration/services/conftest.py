"""A data directory per test, programs that use it, and the proof that no process is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botticelli import services
from botticelli.services import local_model, membership
from botticelli.services.files.locks import is_held
from botticelli.services.files.paths import Paths
from tests.support.fleet.made_cluster import copy_cluster
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[3]
Until = Callable[[Callable[[], object]], object]
PATIENCE_SECONDS = 120


class User:
    """A process of its own that has joined."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("services_user.py"), home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", "")))},
            start_new_session=True,
        )

    def joined(self) -> dict[str, str]:
        """Wait until it has; its URLs."""
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def leave(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def die(self, number: signal.Signals = signal.SIGKILL) -> None:
        """By a signal to its whole process group, as a terminal sends it."""
        os.killpg(self._process.pid, number)
        self._process.communicate()


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Let joining processes wait longer than their users would: the tests don't prove how soon servers answer."""
    with pytest.MonkeyPatch.context() as patch:
        for join in (membership.join, local_model.join_model):
            patch.setitem(join.__kwdefaults__, "deadline_seconds", PATIENCE_SECONDS)
        yield


@pytest.fixture
def until() -> Until:
    """Wait for a condition, and return what made it true; fail when it has not come true in time."""
    return lambda condition: wait_until(condition, "a condition of these services", PATIENCE_SECONDS)


@pytest.fixture
def first_start() -> None:
    """Begin without any data directory, so that the first start makes Postgres's; `home` looks for this."""


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path, until: Until) -> Iterator[Path]:
    """A data directory that was never used. After the test: no server, keeper or socket folder may be left, unasked."""
    if "first_start" not in request.fixturenames:
        copy_cluster(tmp_path / "home")
    yield from deserted_afterwards(tmp_path / "home", until)


@pytest.fixture(params=["with spaces", "ünïcödé & 100%", "long" + "/directory" * 20])
def awkward_home(request: pytest.FixtureRequest, tmp_path: Path, until: Until) -> Iterator[Path]:
    yield from deserted_afterwards(tmp_path / request.param, until)


def deserted_afterwards(home: Path, until: Until) -> Iterator[Path]:
    paths = Paths(home)
    try:
        yield home
        assert services.down(home) is None, "a user is left"
        locks = paths.keeper, paths.lifeline("postgres"), paths.lifeline("redis")
        # A process that ends loses its name before its locks.
        until(lambda: not processes_of(home) and not any(map(is_held, locks)) and not paths.sockets.exists())
    finally:
        services.down(home, force=True)


def processes_of(home: Path) -> list[str]:
    """Command lines that name the data directory or its sockets, except those of users."""
    commands = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    names = (str(home), str(Paths(home).sockets))
    return [
        line for line in commands.splitlines() if any(name in line for name in names) and "services_user" not in line
    ]


@pytest.fixture
def processes() -> Callable[[Path], list[str]]:
    return processes_of


@pytest.fixture
def user(home: Path) -> Iterator[Callable[[], User]]:
    """Start programs that use `home`; those that are still there at the end are killed."""
    started: list[User] = []

    def start() -> User:
        started.append(User(home))
        return started[-1]

    yield start
    for program in started:
        if program._process.returncode is None:
            program.die()


@pytest.fixture
def pids(home: Path, until: Until) -> Callable[[], list[int]]:
    """The process ids of Postgres and Redis, of those two that run. One that is slow to answer is asked again."""

    def settled() -> list[services.ServiceStatus] | None:
        statuses = services.status(home)
        return None if any(service.state == "unresponsive" for service in statuses) else statuses

    return lambda: [service.pid for service in until(settled) if service.state == "running" and service.pid is not None]


@pytest.fixture
def keeper_pid(home: Path, until: Until) -> Callable[[], int]:
    def written() -> str | None:
        text = Paths(home).keeper.read_text()
        return text if text.endswith("\n") else None

    return lambda: int(until(written))
