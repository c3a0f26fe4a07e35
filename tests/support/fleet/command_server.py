"""Runs `botticelli` and `celery` as forks of a process that has imported everything, so that they start in milliseconds.

A command behaves as when it is started normally; only the duration and the extent of its imports aren't tested so. Its
wall clocks are those of `wrong_clock.py`. `python` runs a module.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import fcntl
import gc
import io
import json
import os
import pkgutil
import runpy
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NoReturn

import redis.utils

from botticelli.telemetry import failpoints
from tests.support import forks
from tests.support.fleet.wrong_clock import START

ROOT = Path(__file__).parents[3]
LONGEST_REQUEST_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
USERS = "users"
"""A file in the server's folder that each process with commands in it holds a lock of."""
LOOK_SECONDS = 1.0
_started: list[subprocess.Popen[bytes]] = []
"""Servers that this process started, and that may outlive it."""
NOT_PRELOADED = ("botticelli.testing", "botticelli.celery", "botticelli._app")
FOREIGN = (
    "sqlalchemy.dialects.postgresql.psycopg2",
    "billiard.pool",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.routes",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "kombu.pidbox",
    "kombu.transport.redis",
    "anthropic",
    "google.genai",
    "openai",
)
CLIENT = """
import json, os, signal, socket, sys
address, program, *arguments = sys.argv[1:]
request = {"program": program, "arguments": arguments, "folder": os.getcwd(), "environ": dict(os.environ)}
with socket.socket(socket.AF_UNIX) as line:
    line.connect(address)
    socket.send_fds(line, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
    answer = line.makefile("r")
    pid = int(answer.readline())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    code = answer.readline()
sys.exit(int(code) if code else "the command server has lost the command")
"""


@cache
def command_folder() -> Path:
    """Return a folder with executables `botticelli` and `celery`; their server ends with the last process that called this.

    All workers of one run of pytest-xdist share a server. `celery multi` gets a Python without a blank in its path, which it
    needs. Outside Linux, which has process file descriptors, the folder is that of the installed commands.
    """
    if not sys.platform.startswith("linux"):
        return Path(sys.executable).parent
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = Path(tempfile.gettempdir(), f"commands-{run}") if run else Path(tempfile.mkdtemp(prefix="commands-"))
    folder.mkdir(mode=0o700, exist_ok=True)
    users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_SH)
    with (folder / "starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (folder / forks.ADDRESS).exists():
            _write_programs(folder)
            _start(folder / forks.ADDRESS)
    return folder


def _write_programs(folder: Path) -> None:
    client = folder / "client.py"
    client.write_text(CLIENT)
    (folder / "environment").symlink_to(sys.prefix, target_is_directory=True)
    ask = f'exec {shlex.join((sys.executable, "-IS", str(client), str(folder / forks.ADDRESS)))} "${{0##*/}}" "$@"\n'
    multi = f'[ "$1" = multi ] && exec {folder}/environment/bin/python -P -m celery "$@"\n'
    for program, lines in (("botticelli", ask), ("celery", multi + ask)):
        (folder / program).write_text("#!/bin/sh\n" + lines)
        (folder / program).chmod(0o700)


def _start(address: Path) -> None:
    """Start the server, and wait until it has imported everything."""
    read_end, write_end = os.pipe()
    code = f"exec({START!r}, {{}}); import tests.support.fleet.command_server as s; s.main()"
    _started.append(
        subprocess.Popen(
            [sys.executable, "-c", code, str(address), str(write_end)],
            cwd=ROOT,
            env={name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME") if name in os.environ},
            stdin=subprocess.DEVNULL,
            pass_fds=(write_end,),
        )
    )
    os.close(write_end)
    assert os.read(read_end, 1) == b"1", "the command server doesn't start"
    os.close(read_end)


@atexit.register
def _let_servers_run() -> None:
    """Take them for ended, so that nothing warns of them when this process ends."""
    for server in _started:
        server.returncode = 0


def main() -> None:
    """Serve until the last user has ended; each fork becomes a command and ends with it."""
    address, ready = sys.argv[1], int(sys.argv[2])
    users = os.open(Path(address).with_name(USERS), os.O_RDWR)
    _preload()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(ready, b"1")
        os.close(ready)
        server = _Server(listener, address, users)
        while _is_used(users):
            server.look(LOOK_SECONDS)
    shutil.rmtree(Path(address).parent, ignore_errors=True)


class _Server:
    """Forks commands, and sends the code of each when it ends; ends those whose client is gone.

    A fork costs in proportion to what the server has imported, so there is one for a command, and no process beside it.
    """

    def __init__(self, listener: socket.socket, address: str, users: int) -> None:
        self._address = address
        self._events = selectors.EpollSelector()
        self._open = {users, listener.fileno(), self._events.fileno()}
        self._events.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))

    def look(self, seconds: float) -> None:
        """Wait for at most `seconds` for something to do, and do it; only the first, since it may close what others are of."""
        for key, _ in self._events.select(seconds)[:1]:
            key.data()

    def _accept(self, listener: socket.socket) -> None:
        line, _ = listener.accept()
        self._watch(line, lambda: self._start(line))

    def _start(self, line: socket.socket) -> None:
        try:
            request, descriptors = _receive(line)
        except ConnectionError:
            return self._forget(line)
        pid = os.fork()
        if pid == 0:
            for number in self._open:
                os.close(number)
            _become(request, descriptors, self._address)
        for descriptor in descriptors:
            os.close(descriptor)
        _send(line, pid)
        self._events.modify(line, selectors.EVENT_READ, lambda: self._hang_up(line, pid, request))
        process = os.pidfd_open(pid)
        self._watch(process, lambda: self._end(line, pid, process, request))

    def _hang_up(self, line: socket.socket, pid: int, request: Mapping[str, Any]) -> None:
        self._events.unregister(line)
        os.kill(pid, request.get("hangup_signal", signal.SIGKILL))

    def _end(self, line: socket.socket, pid: int, process: int, request: Mapping[str, Any]) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        _send(line, code if request.get("raw_code") or code >= 0 else 128 - code)
        self._events.unregister(process)
        self._open.remove(process)
        os.close(process)
        self._forget(line)

    def _forget(self, line: socket.socket) -> None:
        with suppress(KeyError):
            self._events.unregister(line)
        self._open.remove(line.fileno())
        line.close()

    def _watch(self, end: socket.socket | int, act: Callable[[], None]) -> None:
        self._open.add(end if isinstance(end, int) else end.fileno())
        self._events.register(end, selectors.EVENT_READ, act)


def _send(line: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        line.send(f"{number}\n".encode())


def _is_used(users: int) -> bool:
    """Return whether a process holds the lock that `command_folder` takes; it lasts as long as the process."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _preload() -> None:
    _remember_what_is_installed()
    import botticelli
    import workers

    for package in (botticelli, workers):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.startswith(NOT_PRELOADED):
                import_module(info.name)
    for name in FOREIGN:
        import_module(name)
    gc.freeze()


def _remember_what_is_installed() -> None:
    """Read the metadata of installed packages once; those in folders that a command adds to its path are read by it."""
    path, installed = set(sys.path), _points(sys.path)

    def entry_points(**chosen: Any) -> metadata.EntryPoints:
        added = _points([entry for entry in sys.path if entry not in path])
        return metadata.EntryPoints((*added, *installed)).select(**chosen)

    metadata.entry_points = entry_points
    redis.utils.get_lib_version = cache(redis.utils.get_lib_version)


def _points(path: list[str]) -> list[metadata.EntryPoint]:
    return [point for package in metadata.distributions(path=path) for point in package.entry_points]


def _receive(line: socket.socket) -> tuple[Mapping[str, Any], list[int]]:
    text, descriptors, _, _ = socket.recv_fds(line, LONGEST_REQUEST_BYTES, 4)
    while not text.endswith(b"\n"):
        more = line.recv(LONGEST_REQUEST_BYTES)
        if not more:
            raise ConnectionError("the client has gone")
        text += more
    return json.loads(text), list(array.array("i", descriptors))


def _become(request: Mapping[str, Any], descriptors: list[int], address: str) -> NoReturn:
    for target, descriptor in enumerate(descriptors):
        if descriptor != target:
            os.dup2(descriptor, target)
            os.close(descriptor)
    os.setsid()
    LIBC.prctl(PR_SET_PDEATHSIG, request.get("hangup_signal", signal.SIGKILL))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    failpoints._folder = os.environ.get("BOTTICELLI_FAILPOINTS")
    sys.argv = [request["program"], *request["arguments"]]
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = _writer(1), _writer(2)
    _end_with(request["program"], address)


def _end_with(program: str, address: str) -> NoReturn:
    """Run a program; end without finalizing the interpreter, which would copy all memory that the processes share."""
    code: object
    try:
        sys.exit(_run(program, address))
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _run(program: str, address: str) -> object:
    from botticelli.services import membership, supervisor

    membership._run_starter = lambda words, lock, log: forks.run_keeper(
        address, words, membership._environment(), lock, log
    )
    if program == "keeper":
        home, crew, lock = sys.argv[1:]
        return supervisor.main(home, "model" if crew == "model" else "services", lock)
    if program == "python":
        sys.path.insert(0, os.getcwd())
        del sys.argv[:2]
        return runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True) and None
    return _run_celery() if program == "celery" else _run_botticelli(address)


def _run_botticelli(address: str) -> object:
    from botticelli.cli.follow import worker_process
    from botticelli.cli.main import main as command

    worker_process._start = lambda words, environ: forks.start_tethered(address, words, environ)
    return command()


def _run_celery() -> object:
    import celery.bin.celery

    sys.path.insert(0, os.getcwd())
    return celery.bin.celery.celery.main(auto_envvar_prefix="CELERY")


def _writer(descriptor: int) -> io.TextIOWrapper:
    errors = "strict" if descriptor == 1 else "backslashreplace"
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=True)
