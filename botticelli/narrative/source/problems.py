"""Collects everything that is wrong with one file, with its place, so that an author sees all of it at once."""

from __future__ import annotations

import re
from collections.abc import Iterable

from botticelli.errors import NarrativeError, Problem
from botticelli.narrative.source.suggest import did_you_mean, shown
from botticelli.toml_text.positions import Positions, TomlPath
from botticelli.toml_text.translation import Translation

MAX_PROBLEMS = 200

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Problems:
    """Collects the problems and the warnings of one file, each once. `positions` gives each path a line and a column."""

    def __init__(self, source: str, positions: Positions) -> None:
        self._source = shown(source, 400)
        self._positions = positions
        self._errors: dict[str, Problem] = {}
        self._warnings: dict[str, Problem] = {}
        self._left_out = 0
        self.translation: Translation | None = None
        """Translation of a file of the founding form: it maps paths of the present form to places in the file."""
        self.ignored: list[TomlPath] = []
        """Paths of the keys that have no effect."""

    def add(self, path: TomlPath, message: str, hint: str = "", *, offset: int | None = None) -> None:
        """Add a problem with the key at `path`; when the key is missing, the place is that of its table.

        `offset` points at a character of the string there. The empty path is the file as a whole: its first line.
        """
        if self._is_full:
            self._left_out += 1
            return
        problem = self._problem(path, message, hint, offset)
        self._errors.setdefault(str(problem), problem)

    def warn(self, path: TomlPath, message: str, hint: str = "", *, offset: int | None = None) -> None:
        """Add a warning, with the same arguments as a problem."""
        if len(self._warnings) < MAX_PROBLEMS:
            problem = self._problem(path, message, hint, offset)
            self._warnings.setdefault(str(problem), problem)

    def ignore(self, path: TomlPath, message: str = "has no effect") -> None:
        """Warn of a key that has no effect."""
        self.ignored.append(self.written(path))
        self.warn(path, message)

    def written(self, path: TomlPath) -> TomlPath:
        """Return the path where a value was written, which differs in a file of the founding form."""
        return self.translation.written(path) if self.translation else path

    @property
    def is_lenient(self) -> bool:
        """Tell whether an unknown key is only warned of: in a file of the founding form, unless it looks misspelt."""
        return self.translation is not None

    def guess(self, name: str, known: Iterable[str], *, otherwise: str = "known here") -> str:
        """Return a hint with the nearest known name; empty once MAX_PROBLEMS is reached, as guessing takes time."""
        return "" if self._is_full else did_you_mean(name, known, otherwise=otherwise)

    @property
    def _is_full(self) -> bool:
        return len(self._errors) >= MAX_PROBLEMS

    def line_of(self, path: TomlPath) -> int:
        return self._positions.at(self.written(path))[0]

    def place_of(self, path: TomlPath) -> tuple[int, int]:
        """Return the line and the column of a key."""
        return self._positions.at(self.written(path))

    @property
    def has_errors(self) -> bool:
        return bool(self._errors)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return all problems by line; those beyond MAX_PROBLEMS are only counted."""
        errors = _sorted(self._errors.values())
        if self._left_out:
            more = "1 more problem" if self._left_out == 1 else f"{self._left_out} more problems"
            errors += (Problem(self._source, 0, 0, "", "", f"and {more}"),)
        return errors

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return _sorted(self._warnings.values())

    def raise_if_any(self) -> None:
        """Raise NarrativeError with all problems, if there are any."""
        if self._errors:
            raise NarrativeError(self.errors)

    def apply_translation(self, translation: Translation) -> None:
        """Add the notes of a translation, and read paths as those of the translated document from now on."""
        for note in translation.warnings:
            self.warn(note.path, note.message, note.hint)
        for note in translation.problems:
            self.add(note.path, note.message, note.hint)
        self.ignored += translation.left_out
        self.translation = translation

    def _problem(self, path: TomlPath, message: str, hint: str, offset: int | None) -> Problem:
        path = self.written(path)
        line, column = self._positions.at(path, offset) if path else (1, 1)
        names = [_key(part) for part in path if isinstance(part, str)]
        is_table = self._positions.is_header(path)
        key = "" if is_table or not names else names.pop()
        return Problem(self._source, line, column, ".".join(names), key, message, hint)


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column, problem.message)))


def _key(name: str) -> str:
    return shown(name) if _BARE_KEY.fullmatch(name) else f'"{shown(name)}"'
