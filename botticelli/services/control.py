"""Keeps the services up without a user, and stops them: `botticelli services up` and `down`."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.locks import EXCLUSIVE, give_back, is_held, open_lock, sharers, take
from botticelli.services.files.paths import Paths
from botticelli.services.membership import ensure_keeper, join, servers_of
from botticelli.services.servers.server import lives

_DEADLINE_SECONDS = 60.0  # longer than it takes to kill servers that ignore SIGTERM
_POLL_SECONDS = 0.02
_LOOKS = 25  # attempts in a row after which the lock is not merely the keeper's momentary one


@dataclass(frozen=True)
class InUse:
    """Result of `down` when others use the services; `users` is None when they can't be counted."""

    users: int | None

    def __str__(self) -> str:
        return {None: "others use them", 1: "1 process uses them"}.get(self.users, f"{self.users} processes use them")


def up(home: Path) -> None:
    """Start the services and keep them up, with or without users, until `down`. Raises like `join`."""
    with join(home):
        Paths(home).pin.touch()


def down(home: Path, *, force: bool = False) -> InUse | None:
    """Stop the services and end an `up`.

    Returns None when they are stopped, InUse (and nothing changed) when others use them. With `force` they are stopped
    all the same; a user that calls `ensure` or joins later starts them again. Raises ServiceUnavailable when they do
    not stop.
    """
    model = _down(Paths(home, "model"), force)
    return _down(Paths(home), force) or model


def _down(paths: Paths, force: bool) -> InUse | None:
    if not paths.root.is_dir():
        return None
    users_lock = open_lock(paths.users)
    try:
        if not _nobody_else(users_lock, paths.users) and not force:
            return InUse(sharers(paths.users))
        paths.pin.unlink(missing_ok=True)
        _stop(paths)
        give_back(users_lock)
    finally:
        os.close(users_lock)
    return None


def _nobody_else(users_lock: int, users: Path) -> bool:
    """Take the users' lock exclusively; return whether nobody else holds it.

    The keeper takes it for moments, so a single refusal proves nothing; while the keeper stops the servers it holds the
    lock, and this waits for it.
    """
    deadline, refusals = time.monotonic() + _DEADLINE_SECONDS, 0
    while not take(users_lock, EXCLUSIVE):
        refusals = 0 if is_held(users) else refusals + 1
        if refusals >= _LOOKS or time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _stop(paths: Paths) -> None:
    """Signal the keeper to stop.

    Servers without a keeper get a new one first: it adopts them and stops them in order.
    """
    servers = servers_of(paths)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    signalled: int | None = None
    while (alive := any(map(lives, servers))) or is_held(paths.keeper):
        if alive:
            ensure_keeper(paths)
        pid = _keeper_pid(paths)
        if pid is not None and pid != signalled:
            with contextlib.suppress(ProcessLookupError):  # already gone
                os.kill(pid, signal.SIGTERM)
            signalled = pid
        if time.monotonic() >= deadline:
            raise ServiceUnavailable("the services don't stop", where=str(paths.home), do=f"read {paths.log('keeper')}")
        time.sleep(_POLL_SECONDS)


def _keeper_pid(paths: Paths) -> int | None:
    """Return the keeper's pid; None while a keeper holds its lock but has not written its pid yet."""
    text = paths.keeper.read_text()
    return int(text) if text.endswith("\n") else None
