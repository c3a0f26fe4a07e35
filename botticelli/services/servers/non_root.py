"""Postgres refuses to run as root: finds a way to run it all the same. Changes no user and no folder of the system."""

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
    """Who Postgres runs as: the words to put before its commands, and the user id its files must belong to."""

    prefix: tuple[str, ...]
    owner: int


@functools.cache
def identity(program: Path, folder: Path) -> Identity:
    """The identity that can run `program` and write into `folder`. ServiceUnavailable when there is none."""
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return Identity((), os.geteuid())
    for candidate in _candidates():
        if _works(candidate.prefix, program, folder):
            return candidate
    raise ServiceUnavailable(
        f"Postgres can't run as user {os.geteuid()} here: neither a user namespace (unshare) nor setpriv works",
        where="embedded services",
        do=f"run as an ordinary user who has an entry in /etc/passwd, or {SET_URLS}",
    )


def _has_a_name(user: int) -> bool:
    """Initdb also refuses a user id that has no entry in the user database."""
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:
        return False


def _candidates() -> Iterator[Identity]:
    """Return the ways to run as another user, in the order of trying.

    First: look like another user inside a user namespace, and stay oneself outside. Second: really be another user who
    keeps, of all of root's powers, only that of reading and writing past folders that are closed to others.
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
    """The entry `nobody`, else any ordinary one: it only lends its number."""
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
    """Let `folder` and all below it belong to `owner`, if they don't: the way to run as root may have changed."""
    if folder.lstat().st_uid == owner:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(os.path.join(parent, name), owner, -1)
    os.lchown(folder, owner, -1)  # last: an interrupted change is taken up again
