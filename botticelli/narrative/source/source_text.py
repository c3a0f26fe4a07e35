"""Text of files and of messages, read under caps: one regular file, UTF-8, no more than so many bytes. Parses nothing.

Caps: row S1 of the security notes (TOML bombs). Included files may not leave the narrative's folder: row S2.
"""

from __future__ import annotations

import errno
import os
import stat
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from botticelli.toml_text.decoding import Undecodable, decoded


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a narrative may be; all lengths in characters, but `file_bytes`."""

    file_bytes: int
    string_chars: int
    expanded_chars: int
    """Of all texts of all acts in the order of performance: a text that is used 200 times counts 200 times."""


WIRE = Limits(file_bytes=64 * 1024, string_chars=32 * 1024, expanded_chars=512 * 1024)
LOCAL = Limits(file_bytes=1024 * 1024, string_chars=256 * 1024, expanded_chars=8 * 1024 * 1024)


_INSTALLED = Path(sysconfig.get_path("purelib"))
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Unreadable(ValueError):
    """A file or a text that can't be taken; the message says why, without the file's name. `line`: where, if known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Missing(Unreadable):
    """There is no such file."""


def read_file(path: Path, limit_bytes: int) -> str:
    """The text of the file at `path`. Raises Unreadable: missing, no regular file, too large, not UTF-8, a NUL."""
    try:
        descriptor = os.open(path, _OPEN)
    except ValueError as error:
        raise Unreadable("this is no file name") from error
    except OSError as error:
        raise Unreadable(_reason(error)) from error
    return decode(_read(descriptor, limit_bytes))


def folders_above(folder: Path) -> tuple[Path, ...]:
    """The folders above a narrative's own, up to the repository's root or the working directory, the nearest first.

    Files of the founding form are looked for there, too. Empty where neither of the two is above.
    """
    here, working = folder.absolute(), Path.cwd()
    above = (here, *here.parents)
    last = next((number for number, parent in enumerate(above) if (parent / ".git").exists()), None)
    if working in above:
        last = max(above.index(working), last or 0)
    return above[1 : (last or 0) + 1]


def read_within(folders: Sequence[Path], name: str, limit_bytes: int, *, above: Sequence[Path] = ()) -> str:
    """The text of a file; as `read_bytes_within`."""
    return decode(read_bytes_within(folders, name, limit_bytes, above=above))


def read_bytes_within(folders: Sequence[Path], name: str, limit_bytes: int, *, above: Sequence[Path] = ()) -> bytes:
    """The content of the file `name` in the first of the folders that has one; it may leave none of them.

    Last come those `above`, where nothing hidden is read. Raises Unreadable, with what the first folder said.
    """
    first: Unreadable | None = None
    is_hidden = any(part.startswith(".") for part in name.removeprefix("./").split("/"))
    for folder in (*folders, *(() if is_hidden else above)):
        try:
            return read_bytes_beside(folder, name, limit_bytes)
        except Missing as error:
            first = first or error
    raise first or Missing("there is no such file")


def read_beside(folder: Path, name: str, limit_bytes: int) -> str:
    """The text of a file inside `folder`; as `read_bytes_beside`."""
    return decode(read_bytes_beside(folder, name, limit_bytes))


def read_bytes_beside(folder: Path, name: str, limit_bytes: int) -> bytes:
    """The content of a file inside `folder`, which `name` may not leave: not by `..`, not by a symbolic or a hard link.

    Raises Unreadable. Installers link what they install, so there a second name is no way out.
    """
    parts = [part for part in name.split("/") if part != "."]
    if name.startswith(("/", "~")) or "\\" in name or ":" in name or ".." in parts or "" in parts or "\0" in name:
        raise Unreadable("the file has to be inside the narrative's own folder")
    try:
        descriptor = _open_inside(folder, parts)
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and not folder.resolve().is_relative_to(_INSTALLED):
            os.close(descriptor)
            raise Unreadable("has a second name (a hard link), perhaps outside the folder; copy the file instead")
        return _read(descriptor, limit_bytes)
    except FileNotFoundError as error:
        raise Missing(_reason(error)) from error
    except OSError as error:
        raise Unreadable(_reason(error)) from error


def decode(raw: bytes) -> str:
    r"""UTF-8 bytes as text with line ends as `\n`. Raises Unreadable."""
    try:
        return decoded(raw)
    except Undecodable as error:
        raise Unreadable(str(error), error.line) from error


def _open_inside(folder: Path, parts: list[str]) -> int:
    """Walks down one part at a time, each opened beneath the last without following a link."""
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
            return "this file may not be read"
        case NotADirectoryError():
            return "a part of the way to it is not a folder, or is a symbolic link"
        case _ if error.errno == errno.ELOOP:
            return "is a symbolic link, which is not followed"
        case _:
            return f"can't be read: {error.strerror}"
