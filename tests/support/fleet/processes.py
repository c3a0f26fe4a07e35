"""Runs real processes over one data directory: the command line, workers, Flower; and ends all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from botticelli import services
from botticelli.client import Client
from botticelli.errors import ServiceUnavailable
from botticelli.services.files.paths import Paths
from botticelli.settings import load_settings
from tests.support import forks
from tests.support.fleet.command_server import command_folder
from tests.support.fleet.lock_holders import openers
from tests.support.fleet.made_cluster import copy_cluster
from tests.support.fleet.wrong_clock import CLOCK, START
from tests.support.waiting import wait_until

BIN = Path(sys.executable).parent
TIE = (
    sys.executable,
    "-S",
    "-c",
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])",
)
"""Command prefix that sets PR_SET_PDEATHSIG to SIGKILL; then the command replaces its process."""
MUTANT = """
import os

if os.environ.get("MUTANT"):
    import tests.mutants.plugin
"""
"""Part of a `sitecustomize.py`: makes a process the mutant with which the tests run."""
ROOT = Path(__file__).parents[3]
CLEAN = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def _pipe() -> tuple[int, IO[str]]:
    read_end, write_end = os.pipe()
    return read_end, open(write_end, "w", encoding="utf-8")


@dataclass
class Process:
    """One process in its own session, so that a signal reaches it alone or with all its children."""

    popen: subprocess.Popen[str] | forks.Fork
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(180)
        if self.popen.stdin is not None:
            with suppress(BrokenPipeError):
                self.popen.stdin.close()

    def stop(self, timeout_seconds: float = 180) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout_seconds)

    def wait_until_ready(self) -> None:
        """Wait until the process, a worker, is ready."""
        wait_until(lambda: " ready." in self.text() or self.popen.poll() is not None, "the worker to be ready")
        assert self.popen.poll() is None, self.text()

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class House:
    """A folder with a data directory, in which commands are run as a person would run them."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    rehearses: bool = True
    """True when bot commands are answered offline."""
    started: list[Process] = field(default_factory=list)
    tied: bool = sys.platform == "linux"
    """True when processes end with the thread that started them, so that tests that were killed leave none."""

    @property
    def home(self) -> Path:
        return self.folder / ".botticelli"

    @property
    def environ(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in CLEAN if name in os.environ}
        own = {"BOTTICELLI_PLATFORMS__DISCORD__IMPLEMENTATION": "echo"} if self.rehearses else {}
        own |= {"BOTTICELLI_HOME": str(self.home), "HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}
        return inherited | own | self.settings

    def furnish(self) -> House:
        """Give the folder a data directory with a migrated database, so that initdb runs only once."""
        copy_cluster(self.home)
        return self

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *arguments: str, timeout_seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Run `botticelli ARGUMENTS` to its end."""
        if sys.platform == "linux":
            request = self._request("botticelli", arguments, self.environ)
            return forks.run(str(command_folder() / forks.ADDRESS), request, timeout_seconds)
        return subprocess.run(
            [str(command_folder() / "botticelli"), *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_seconds,
            check=False,
        )

    def json_lines(self, *arguments: str, timeout_seconds: float = 240) -> tuple[int, list[dict[str, Any]]]:
        """Run a command; return its exit code and its standard output, of which every line must be a JSON object."""
        done = self.run(*arguments, timeout_seconds=timeout_seconds)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return done.returncode, lines

    def json(self, *arguments: str) -> Any:
        """Run a command, and return the JSON document that it prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(
        self, *command: str, environ: Mapping[str, str] | None = None, stdin: int = subprocess.DEVNULL
    ) -> Process:
        """Start a process in the background; its output goes to a file."""
        own = self.environ | dict(environ or {})
        log = self.folder / f"process-{len(self.started)}.log"
        with log.open("w", encoding="utf-8") as output:
            if self._is_forked(command):
                popen: subprocess.Popen[str] | forks.Fork = self._fork(command, own, stdin, output)
            else:
                popen = subprocess.Popen(
                    (*TIE, *command) if self.tied else command,
                    cwd=self.folder,
                    env=own | self._begun_early(own),
                    stdin=stdin,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
        self.started.append(Process(popen, log))
        return self.started[-1]

    def _begun_early(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return variables by which a process gets wrong clocks if it has one, and is a mutant if this one is."""
        if CLOCK not in environ and "MUTANT" not in os.environ:
            return {}
        early = self.folder / "early"
        if not early.exists():
            self.write("early/sitecustomize.py", START + MUTANT)
        folders = (str(early), str(ROOT), *filter(None, [environ.get("PYTHONPATH")]))
        mutant = {"MUTANT": os.environ["MUTANT"]} if "MUTANT" in os.environ else {}
        return mutant | {"PYTHONPATH": os.pathsep.join(folders)}

    def worker(self, *options: str, environ: Mapping[str, str] | None = None) -> Process:
        """Start a Celery worker and wait until it is ready."""
        process = self.coming_worker(*options, environ=environ)
        process.wait_until_ready()
        return process

    def coming_worker(self, *options: str, environ: Mapping[str, str] | None = None) -> Process:
        """Start a Celery worker without waiting until it is ready."""
        words = ("-A", "botticelli", "worker", "--loglevel", "INFO", "--hostname", f"w{len(self.started)}@%h")
        return self.start(str(BIN / "celery"), *words, *options, environ=environ)

    def _is_forked(self, command: Sequence[str]) -> bool:
        """Return whether the command server can run a command."""
        if not self.tied or "MUTANT" in os.environ:
            return False
        if command[:2] == (sys.executable, "-m"):
            return True
        return command[0] in (str(BIN / "celery"), str(BIN / "botticelli")) and "multi" not in command

    def _fork(self, command: Sequence[str], environ: Mapping[str, str], stdin: int, output: IO[str]) -> forks.Fork:
        program = "python" if command[0] == sys.executable else Path(command[0]).name
        request = self._request(program, command[1:], environ)
        address = str(command_folder() / forks.ADDRESS)
        read_end, writer = _pipe() if stdin == subprocess.PIPE else (os.open(os.devnull, os.O_RDONLY), None)
        try:
            return forks.Fork(address, request, (read_end, output.fileno(), output.fileno()), writer)
        finally:
            os.close(read_end)

    def _request(self, program: str, arguments: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
        return {"program": program, "arguments": arguments, "folder": str(self.folder), "environ": environ}

    @contextmanager
    def client(self) -> Iterator[Client]:
        settings = load_settings(environ=self.environ, cwd=self.folder)
        with Client(settings) as client:
            yield client

    def close(self) -> None:
        """End all processes, and stop the services, which nobody may use any more."""
        for process in self.started:
            if process.popen.poll() is None:
                process.kill()
        try:
            wait_until(self._are_services_stopped, f"the services of {self.home} to be left by all")
        except AssertionError as error:
            crews = (Paths(self.home), Paths(self.home, "model"))
            holders = openers([lock for paths in crews for lock in (paths.keeper, paths.users)])
            with suppress(ServiceUnavailable):
                services.down(self.home, force=True)
            log = Paths(self.home).log("keeper").read_text()
            raise AssertionError("\n".join((str(error), *holders, log))) from None

    def _are_services_stopped(self) -> bool:
        """Stop the services unless somebody uses them: waiting for their keeper to do so would take a second more."""
        with suppress(ServiceUnavailable):
            return services.down(self.home) is None
        return False
