"""Reads the ways through the house in docs/architecture.md, and follows a call through the files that it enters."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[3]
ROOMS = ("botticelli/", "workers/", "tasks/")
WAY = re.compile(r"^\*\*(From [^*]+)\.\*\*(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"`((?:botticelli|workers|tasks)/[^`]+)`")


def ways() -> dict[str, list[str]]:
    """Return the files and folders that each way names, in order, by its title."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return {title: PLACE.findall(body) for title, body in WAY.findall(text)}


@contextmanager
def entered() -> Iterator[list[str]]:
    """Collect the files of which this thread calls a function, in order; importing a module enters none."""
    files: dict[str, None] = {}
    listed: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and code.co_filename.startswith(f"{ROOT}/"):
            name = code.co_filename.removeprefix(f"{ROOT}/")
            if name.startswith(ROOMS):
                files[name] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield listed
    finally:
        sys.setprofile(before)
        listed += files
