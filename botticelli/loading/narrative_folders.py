"""Finds the narrative files below a folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

MAX_FILES = 10_000
MAX_BYTES = 1024 * 1024


def narratives_in(folder: Path) -> Iterator[Path]:
    """Yield every .toml below that looks like a narrative or is invalid TOML; skips hidden files and folders."""
    for file in sorted(_toml_files(folder))[:MAX_FILES]:
        if file.is_file() and _looks_like_narrative(file):
            yield file


def _toml_files(folder: Path) -> Iterator[Path]:
    """Yield every .toml that is not hidden; unreadable folders yield nothing."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(".toml") and not name.startswith("."):
                yield Path(parent, name)


def _looks_like_narrative(file: Path) -> bool:
    try:
        if file.stat().st_size > MAX_BYTES:
            return False
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return True
    return any(key in tables for key in ("act", "acts", "narrative", "narratives", "metadata", "narration"))
