"""Finds the data directory, and creates it for writers: accessible to its owner only."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from botticelli.errors import BotticelliError, ServiceUnavailable, SettingsError

FOLDER = ".botticelli"
_PRIVATE = 0o700
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}
"""Errors of the disk or the machine, which another directory would not avoid."""


def find_home(environ: Mapping[str, str], cwd: Path) -> Path:
    """Find the data directory.

    BOTTICELLI_HOME; else the nearest `.botticelli/` at or above `cwd`; else the user's data directory; when that is not
    writable (a read-only HOME), `.botticelli/` in `cwd`. Raises SettingsError for a name that no directory can have.
    """
    named = environ.get("BOTTICELLI_HOME")
    if named:
        return _named(named)
    for folder in (cwd, *cwd.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    from platformdirs import user_data_path

    user = user_data_path("botticelli", appauthor=False)
    return user if _writable(user) else cwd / FOLDER


def _writable(folder: Path) -> bool:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(nearest, os.W_OK | os.X_OK)


def make_home(home: Path) -> None:
    """Make the data directory, and close it to other users; an older version may have left it open.

    Raises SettingsError when it can't be made. A folder that others may need to enter, the user's home or one above the
    working directory, stays as it is.
    """
    try:
        home.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        status = home.stat()
        is_open = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077
        if is_open and not _has_other_uses(home):
            home.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
    except OSError as error:
        raise folder_error(home, f"can't make the data directory: {error.strerror}", error) from error


def folder_error(folder: Path, problem: str, error: OSError | None = None) -> BotticelliError:
    """Return the error for a data directory or a folder in it.

    A SettingsError, unless the disk or the machine is the cause.
    """
    if error is not None and error.errno in _PASSING:
        return ServiceUnavailable(problem, where=str(folder), do="check the disk and the limits of this machine")
    return SettingsError(problem, where=str(folder), do="choose another data directory with BOTTICELLI_HOME")


def _named(name: str) -> Path:
    try:
        home = Path(name).expanduser().absolute()
        home.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a user that isn't there, or links in a circle
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")
        where = "environment variable BOTTICELLI_HOME"
        raise SettingsError(
            f"is not a directory that can be used: {reason}", where=where, do="choose another"
        ) from None
    return home


def _has_other_uses(home: Path) -> bool:
    """Whether the folder has other uses than as a data directory."""
    try:
        here, users = Path.cwd(), Path.home()
    except (OSError, RuntimeError):
        return True
    return home.name != FOLDER and (here.is_relative_to(home) or users.is_relative_to(home))
