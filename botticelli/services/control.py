"""Keeping the services up without a user, and stopping them: what `botticelli services up` and `down` do."""

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

_DEADLINE_SECONDS = 60.0  # servers that ignore polite signals are killed before
_POLL_SECONDS = 0.02
_LOOKS = 25  # the keeper has the users' lock for moments: it can't be that at so many looks in a row


@dataclass(frozen=True)
class InUse:
    """The answer of `down` when others use the services; `users` is None where they can't be counted."""

    users: int | None

    def __str__(self) -> str:
        return {None: "others use them", 1: "1 process uses them"}.get(self.users, f"{self.users} processes use them")


def up(home: Path) -> None:
    """Start the services and keep them up, users or not, until `down`. Raises like `join`."""
    with join(home):
        Paths(home).pin.touch()


def down(home: Path, *, force: bool = False) -> InUse | None:
    """Stop the services and end an `up`; None when they are stopped, InUse (and nothing changed) when others use them.

    With `force` they are stopped all the same; a user that calls `ensure` or joins later starts them again.
    ServiceUnavailable when they don't stop.
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
    """Whether the lock could be had.

    The keeper takes it for moments, so one refusal says nothing yet; and it keeps it while it stops the servers, which
    is waited for.
    """
    deadline, refusals = time.monotonic() + _DEADLINE_SECONDS, 0
    while not take(users_lock, EXCLUSIVE):
        refusals = 0 if is_held(users) else refusals + 1
        if refusals >= _LOOKS or time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _stop(paths: Paths) -> None:
    """Tell the keeper. Servers that outlived theirs get a new one first: it adopts them and stops them properly."""
    servers = servers_of(paths)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    told: int | None = None
    while (alive := any(map(lives, servers))) or is_held(paths.keeper):
        if alive:
            ensure_keeper(paths)
        pid = _keeper_pid(paths)
        if pid is not None and pid != told:
            with contextlib.suppress(ProcessLookupError):  # it is gone already
                os.kill(pid, signal.SIGTERM)
            told = pid
        if time.monotonic() >= deadline:
            raise ServiceUnavailable("the services don't stop", where=str(paths.home), do=f"read {paths.log('keeper')}")
        time.sleep(_POLL_SECONDS)


def _keeper_pid(paths: Paths) -> int | None:
    """None while a keeper that holds its lock has not written its number yet."""
    text = paths.keeper.read_text()
    return int(text) if text.endswith("\n") else None
