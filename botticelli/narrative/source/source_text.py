"""Reads the text of regular files as UTF-8, up to a limit in bytes. Parses nothing.

Limits: row S1 of the security notes (TOML bombs). Included files may not leave the narrative's folder: row S2.
"""

from __future__ import annotations

import errno
import os
import stat
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from botticelli.toml_text.lexer import NotUtf8, decoded


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Limits the size of a narrative; all lengths are in characters, except `file_bytes`."""

    file_bytes: int
    string_chars: int
    expanded_chars: int
    """Length of all texts of all acts as they are performed: a text that is used 200 times counts 200 times."""


WIRE = SourceLimits(file_bytes=64 * 1024, string_chars=32 * 1024, expanded_chars=512 * 1024)
LOCAL = SourceLimits(file_bytes=1024 * 1024, string_chars=256 * 1024, expanded_chars=8 * 1024 * 1024)


_INSTALLED = Path(sysconfig.get_path("purelib"))
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Unreadable(ValueError):
    """Says why a file or a text can't be read, without the file's name. `line` is 0 when it is unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class FileMissing(Unreadable):
    """Says that a file does not exist."""


def read_file(path: Path, limit_bytes: int) -> str:
    """Return the text of a file. Raises Unreadable: missing, not a regular file, too large, not UTF-8, with a NUL."""
    try:
        descriptor = os.open(path, _OPEN)
    except ValueError as error:
        raise Unreadable("is not a valid file name") from error
    except OSError as error:
        raise Unreadable(_reason(error)) from error
    return decode(_read(descriptor, limit_bytes))


def folders_above(folder: Path) -> tuple[Path, ...]:
    """Return the folders above a narrative's own, nearest first, up to the repository's root or the working directory.

    They are searched for the files of a founding form narrative. Empty where neither of the two is above.
    """
    here, working = folder.absolute(), Path.cwd()
    above = (here, *here.parents)
    last = next((number for number, parent in enumerate(above) if (parent / ".git").exists()), None)
    if working in above:
        last = max(above.index(working), last or 0)
    return above[1 : (last or 0) + 1]


def read_within(folders: Sequence[Path], name: str, limit_bytes: int, *, above: Sequence[Path] = ()) -> str:
    """Return the text of a file that `read_bytes_within` finds."""
    return decode(read_bytes_within(folders, name, limit_bytes, above=above))


def read_bytes_within(folders: Sequence[Path], name: str, limit_bytes: int, *, above: Sequence[Path] = ()) -> bytes:
    """Return the content of the file `name` from the first folder that has it; it may not leave that folder.

    The folders `above` come last; nothing hidden is read there. Raises Unreadable with the reason of the first folder.
    """
    first: Unreadable | None = None
    is_hidden = any(part.startswith(".") for part in name.removeprefix("./").split("/"))
    for folder in (*folders, *(() if is_hidden else above)):
        try:
            return read_bytes_beside(folder, name, limit_bytes)
        except FileMissing as error:
            first = first or error
    raise first or FileMissing("there is no such file")


def read_beside(folder: Path, name: str, limit_bytes: int) -> str:
    """Return the text of a file inside `folder`, as `read_bytes_beside` reads it."""
    return decode(read_bytes_beside(folder, name, limit_bytes))


def read_bytes_beside(folder: Path, name: str, limit_bytes: int) -> bytes:
    """Return the content of a file inside `folder`, as `open_beside` opens it."""
    return _read(open_beside(folder, name), limit_bytes)


def open_within(folders: Sequence[Path], name: str) -> int:
    """Open the file `name` of the first folder that has it, and return its descriptor. Raises Unreadable."""
    first: Unreadable | None = None
    for folder in folders:
        try:
            return open_beside(folder, name)
        except FileMissing as error:
            first = first or error
    raise first or FileMissing("there is no such file")


def open_beside(folder: Path, name: str) -> int:
    """Open a file inside `folder`, which `name` may not leave by `..`, a symbolic link or a hard link.

    Returns its descriptor. Raises Unreadable. Hard links are allowed among installed packages, because installers create
    them.
    """
    parts = [part for part in name.split("/") if part != "."]
    if name.startswith(("/", "~")) or "\\" in name or ":" in name or ".." in parts or "" in parts or "\0" in name:
        raise Unreadable("the file must be inside the narrative's own folder")
    try:
        descriptor = _open_inside(folder, parts)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and not folder.resolve().is_relative_to(_INSTALLED):
            os.close(descriptor)
            raise Unreadable("has a second name (a hard link), perhaps outside the folder; copy the file instead")
        return descriptor
    except FileNotFoundError as error:
        raise FileMissing(_reason(error)) from error
    except OSError as error:
        raise Unreadable(_reason(error)) from error


def decode(raw: bytes) -> str:
    r"""Decode UTF-8 and make every line end `\n`. Raises Unreadable."""
    try:
        return decoded(raw)
    except NotUtf8 as error:
        raise Unreadable(str(error), error.line) from error


def _open_inside(folder: Path, parts: list[str]) -> int:
    """Open a file one path part at a time, each beneath the last and without following a link."""
    if not parts:
        raise Unreadable("is a folder, not a file")
    descriptor = os.open(folder, _OPEN | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _OPEN | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(parts[-1], _OPEN | os.O_NOFOLLOW, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit_bytes: int) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Unreadable("is a folder, not a file" if stat.S_ISDIR(mode) else "is not a regular file")
    with open(descriptor, "rb") as file:
        raw = file.read(limit_bytes + 1)
    if len(raw) > limit_bytes:
        raise Unreadable(f"is larger than {limit_bytes:,} bytes")
    return raw


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "can't be read: permission denied"
        case NotADirectoryError():
            return "a part of its path is not a folder, or is a symbolic link"
        case _ if error.errno == errno.ELOOP:
            return "is a symbolic link, which is not followed"
        case _:
            return f"can't be read: {error.strerror}"
