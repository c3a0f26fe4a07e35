"""Finds the file of a narrative that is given as a path or a name, and suggests names where there is none."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from botticelli.cli.base.context import Invocation
from botticelli.errors import InvalidInput, NotFound

SHOWN_FILES = 5
MAX_COMPARED_FILES = 1000
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def narrative_file(invocation: Invocation, text: str, name: str | None = None) -> tuple[Path, str | None]:
    """Return the file of a narrative, and the name of the narrative in it (None: the only one).

    `text` is a path or a name, optionally with `#name`, which means the same as the argument `name`. NotFound,
    InvalidInput.
    """
    if _URL.match(text):
        do = "download it and give the file, or its name"
        raise InvalidInput("a URL is not a narrative", where=text.partition("?")[0].rpartition("@")[2], do=do)
    part = ""
    if not _is_file(text):
        text, _, part = text.partition("#")
        if part and name not in (None, part):
            raise InvalidInput(f"{part} and {name} are different narratives", do="give either #NAME or --name")
        name = part or name
    if _is_file(text):
        return Path(text), name
    if _is_folder(text):
        raise InvalidInput("is a folder, not a narrative", where=text, do=_inside(Path(text)))
    if text.endswith(".toml"):
        raise _missing(invocation, text, part)
    return _named(invocation, text, part), name


def _named(invocation: Invocation, text: str, part: str) -> Path:
    """Return the narrative of that name. NotFound suggests `name.toml` in the working directory where it exists."""
    from botticelli.carousel import find_narrative

    try:
        return find_narrative(invocation.runtime, text)
    except NotFound as error:
        beside = f"{text}.toml"
        if not _is_file(beside):
            raise
        raise NotFound(error.what, where=error.where, do=f"did you mean the file {_with_part(beside, part)}?") from None


def _with_part(file: str | Path, part: str) -> str:
    """Return `file#part`, or the file alone."""
    return f"{file}#{part}" if part else str(file)


def _missing(invocation: Invocation, text: str, part: str) -> NotFound:
    near = _nearest_file(invocation, Path(text))
    do = f"did you mean {_with_part(near, part)}?" if near else "see `botticelli narrative list`"
    return NotFound("there is no such file", where=text, do=do)


def _nearest_file(invocation: Invocation, path: Path) -> Path | None:
    """Return the file of that name elsewhere, else one of a similar name; None when there is none.

    Looks in the folder of the path, then in the working directory, the folders in it and those of `narrative list`.
    """
    from botticelli.narrative.source.problems import nearest

    beside = _files(path.parent, "*.toml")
    others = [*_files(Path(), "*.toml"), *_files(Path(), "[!.]*/*.toml")]
    for folder in default_folders(invocation):
        others += map(_short, _files(folder, "**/*.toml"))
    same = next((file for file in others if file.name == path.name), None)
    if same is not None:
        return same
    for files in (beside, others):
        near = nearest(path.name, dict.fromkeys(file.name for file in files))
        if near is not None:
            return next(file for file in files if file.name == near)
    return None


def default_folders(invocation: Invocation) -> list[Path]:
    """Return the configured folders that exist, and the shipped one."""
    from botticelli.loading.app_folder import app_folder

    settings = invocation.settings
    folders = [settings.base / folder for folder in settings.narratives.path]
    return [*dict.fromkeys(folder.resolve() for folder in (*folders, app_folder() / "narratives") if folder.is_dir())]


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the files that match, sorted; none for a folder that can't be read."""
    try:
        return sorted(file for file in islice(folder.glob(pattern), MAX_COMPARED_FILES) if _is_file(str(file)))
    except (OSError, ValueError):
        return []


def _short(file: Path) -> Path:
    """Return the path from the working directory for a file in it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _inside(folder: Path) -> str:
    files = sorted(str(file) for file in islice(folder.glob("*.toml"), 1000) if file.is_file())
    if not files:
        return "give a narrative, a .toml file or its name"
    more = ", ..." if len(files) > SHOWN_FILES else ""
    return f"narratives in it: {', '.join(files[:SHOWN_FILES])}{more}"


def _is_file(text: str) -> bool:
    """Return whether a text is the path of a file; False for invalid paths, such as with a NUL."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _is_folder(text: str) -> bool:
    try:
        return bool(text) and Path(text).is_dir()
    except (OSError, ValueError):
        return False
