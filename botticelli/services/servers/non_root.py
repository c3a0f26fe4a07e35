"""Finds a way to run Postgres, which refuses to run as root. Changes no user and no system folder."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botticelli.errors import ServiceUnavailable
from botticelli.services.servers.binaries import SET_URLS


@dataclass(frozen=True)
class Identity:
    """User that Postgres runs as: the words to put before its commands, and the user id that its files must belong to."""

    prefix: tuple[str, ...]
    owner: int


@functools.cache
def identity(program: Path, folder: Path) -> Identity:
    """Return the identity that can run `program` and write into `folder`. Raises ServiceUnavailable when none can."""
    if os.geteuid() != 0 and _has_user_entry(os.geteuid()):
        return Identity((), os.geteuid())
    for candidate in _candidates():
        if _works(candidate.prefix, program, folder):
            return candidate
    raise ServiceUnavailable(
        f"Postgres can't run as user {os.geteuid()} here: neither a user namespace (unshare) nor setpriv works",
        where="embedded services",
        do=f"run as an ordinary user who has an entry in /etc/passwd, or {SET_URLS}",
    )


def _has_user_entry(user: int) -> bool:
    """Whether the user id has an entry in the user database: initdb refuses one without."""
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:
        return False


def _candidates() -> Iterator[Identity]:
    """Return the ways to run as another user, in the order of trying.

    First: appear as another user inside a user namespace, and stay root outside. Second: become another user who keeps
    only one of root's powers, to read and write past closed folders.
    """
    nobody = _nobody()
    if nobody is None:
        return
    yield Identity(("unshare", "--user", f"--map-user={nobody.pw_uid}", "--"), os.geteuid())
    if os.geteuid() == 0:
        ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        powers = ("--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        yield Identity(("setpriv", *ids, *powers, "--"), nobody.pw_uid)


def _nobody() -> pwd.struct_passwd | None:
    """Return the entry `nobody`, else any ordinary user: only its number is used."""
    ordinary = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    return next((entry for entry in ordinary if entry.pw_name == "nobody"), ordinary[0] if ordinary else None)


def _works(prefix: tuple[str, ...], program: Path, folder: Path) -> bool:
    try:
        for trial in ((str(program), "--version"), ("test", "-w", str(folder))):
            subprocess.run([*prefix, *trial], capture_output=True, check=True)  # noqa: S603 (a command of our own, without a shell)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


def give_files(folder: Path, owner: int) -> None:
    """Make `owner` the owner of `folder` and everything below it: the way to run as root may have changed."""
    if folder.lstat().st_uid == owner:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), owner, -1)
    os.lchown(folder, owner, -1)  # last: an interrupted change is taken up again
