"""Names the processes that have certain files open, for the message of a test whose processes don't end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")


def openers(files: Sequence[Path]) -> list[str]:
    """Return a line for each process and file: name, pid, command line. Empty where there is no /proc."""
    names = {str(file.resolve()): file.name for file in files}
    return [
        f"{names[file]} is open in process {process.name}: {_command_line(process)}"
        for process in sorted(PROCESSES.glob("[0-9]*"), key=lambda process: int(process.name))
        for file in sorted(_open_files(process) & names.keys())
    ]


def _open_files(process: Path) -> set[str]:
    """Return the paths that a process has open; none when it has ended."""
    paths = set()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                paths.add(os.readlink(descriptor))
    return paths


def _command_line(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "(ended)"
    return b" ".join(words).decode("utf-8", "replace")
