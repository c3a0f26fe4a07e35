"""Finds the data directory. Creates nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = ".botticelli"


def find_home(environ: Mapping[str, str], cwd: Path) -> Path:
    """Find the data directory.

    BOTTICELLI_HOME; else the nearest `.botticelli/` at or above `cwd`; else the user's data directory; where that can't
    be written (a read-only HOME), `.botticelli/` in `cwd`.
    """
    named = environ.get("BOTTICELLI_HOME")
    if named:
        return Path(named).expanduser().absolute()
    for folder in (cwd, *cwd.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    from platformdirs import user_data_path

    user = user_data_path("botticelli", appauthor=False)
    return user if _writable(user) else cwd / FOLDER


def _writable(folder: Path) -> bool:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(nearest, os.W_OK | os.X_OK)
