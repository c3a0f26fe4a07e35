"""A mutant: one mechanism switched off by a change of one file's text, and the tests that must turn red by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file` (Python, Lua, SQL); `tests` are words for pytest, e.g. a path and `-k`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        return ROOT / self.file

    def mutated(self, text: str) -> str:
        return text.replace(self.old, self.new)
