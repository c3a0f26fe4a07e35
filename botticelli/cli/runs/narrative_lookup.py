"""Finds the file of a narrative that is given as a path or a name, and suggests names where there is none."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from botticelli.cli.base.context import Invocation
from botticelli.errors import InvalidInput, NotFound

SHOWN_FILES = 5
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
        return _missing(text, part)
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


def _missing(text: str, part: str) -> tuple[Path, str | None]:
    from botticelli.narrative.source.suggest import nearest

    path = Path(text)
    try:
        near = nearest(path.name, [file.name for file in islice(path.parent.glob("*.toml"), 1000)])
    except OSError:
        near = None
    do = f"did you mean {_with_part(path.with_name(near), part)}?" if near else "see `botticelli narrative list`"
    raise NotFound("there is no such file", where=text, do=do)


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
