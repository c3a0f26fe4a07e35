"""Runs `botticelli` commands as forks of a process that has imported everything once: a command starts in milliseconds.

What a command does, prints and returns is the same; how long importing takes and what is imported is not tested with it.
"""

from __future__ import annotations

import array
import atexit
import io
import json
import os
import pkgutil
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LONGEST_REQUEST_BYTES = 1 << 20
NOT_PRELOADED = ("botticelli.testing", "botticelli.celery", "botticelli._app")
CLIENT = """
import json, os, socket, sys
request = {"arguments": sys.argv[2:], "folder": os.getcwd(), "environ": dict(os.environ)}
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    socket.send_fds(line, [json.dumps(request).encode() + b"\\n"], [0, 1, 2])
    answer = line.recv(16)
sys.exit(int(answer) if answer else "the command server has lost the command")
"""


@cache
def command_folder() -> Path:
    """Return a folder with an executable `botticelli`; its server is started at the first call and ends with this process.

    Where the kernel has no descriptors of processes, the installed command is there.
    """
    if not sys.platform.startswith("linux"):
        return Path(sys.executable).parent
    folder = Path(tempfile.mkdtemp(prefix="commands"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address, client, program = folder / "server", folder / "client.py", folder / "botticelli"
    client.write_text(CLIENT)
    words = (sys.executable, "-IS", str(client), str(address))
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o700)
    plain_celery(folder)
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        [sys.executable, "-c", "import tests.support.command_server as s; s.main()", str(address), str(write_end)],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME") if name in os.environ},
        stdin=subprocess.PIPE,
        pass_fds=(write_end,),
    )
    os.close(write_end)
    atexit.register(server.kill)
    assert os.read(read_end, 1) == b"1", "the command server doesn't start"
    os.close(read_end)
    return folder


def plain_celery(folder: Path) -> None:
    """Write a `celery` whose Python has no blank in its path, as `celery multi` needs it."""
    environment, celery = folder / "environment", folder / "celery"
    environment.symlink_to(sys.prefix, target_is_directory=True)
    celery.write_text(f'#!/bin/sh\nexec {environment}/bin/python -P -m celery "$@"\n')
    celery.chmod(0o700)


def main() -> None:
    """Serve until the process that started this one is gone; return only in a fork, which then is the command."""
    address, ready = sys.argv[1], int(sys.argv[2])
    _preload()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(ready, b"1")
        os.close(ready)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while sys.stdin not in (readable := select.select([listener, sys.stdin], [], [])[0]):
            line, _ = readable[0].accept()
            if os.fork() == 0:
                listener.close()
                _attend(line)
                break
            line.close()
        else:
            return
    from botticelli.cli.main import main as command

    sys.exit(command())


def _preload() -> None:
    import botticelli

    for info in pkgutil.walk_packages(botticelli.__path__, "botticelli."):
        if not info.name.startswith(NOT_PRELOADED):
            import_module(info.name)
    import_module("sqlalchemy.dialects.postgresql.psycopg2")


def _attend(line: socket.socket) -> None:
    """Return in a fork that has become the command; the other one waits for it, tells how it ended, and never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors = _receive(line)
    pid = os.fork()
    if pid == 0:
        line.close()
        _become(request, descriptors)
        return
    for descriptor in descriptors:
        os.close(descriptor)
    process = os.pidfd_open(pid)
    if line in select.select([line, process], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        line.send(str(code if code >= 0 else 128 - code).encode())
    except BrokenPipeError:
        os._exit(1)
    os._exit(0)


def _receive(line: socket.socket) -> tuple[Mapping[str, Any], list[int]]:
    text, descriptors, _, _ = socket.recv_fds(line, LONGEST_REQUEST_BYTES, 3)
    while not text.endswith(b"\n"):
        text += line.recv(LONGEST_REQUEST_BYTES)
    return json.loads(text), list(array.array("i", descriptors))


def _become(request: Mapping[str, Any], descriptors: list[int]) -> None:
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = ["botticelli", *request["arguments"]]
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = _writer(1), _writer(2)


def _writer(descriptor: int) -> io.TextIOWrapper:
    errors = "strict" if descriptor == 1 else "backslashreplace"
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=True)
