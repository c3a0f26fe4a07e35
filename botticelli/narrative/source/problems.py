"""Collects everything that is wrong with one file, with its place and suggestions, so that an author sees all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from botticelli.errors import NarrativeError, Problem
from botticelli.toml_text.lexer import Positions, TomlPath
from botticelli.toml_text.translation import Translation

MAX_PROBLEMS = 200
_COMPARED_CHARACTERS = 64
MAX_COMPARED = 1_000
"""Limits how many known names are compared: they may be the keys of a model's answer."""
_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 8

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


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None."""
    if len(name) > _COMPARED_CHARACTERS:
        return None
    by_lower_case = {candidate.lower(): candidate for candidate in comparable(name, known)}
    matches = get_close_matches(name.lower(), list(by_lower_case), n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else None


def comparable(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names of a similar length, at most MAX_COMPARED of them."""
    lengths = range(len(name) * 3 // 7, len(name) * 7 // 3 + 1)
    return list(islice((candidate for candidate in known if len(candidate) in lengths), MAX_COMPARED))


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "known here") -> str:
    """Return a hint: the nearest of the `known` names, else the first few of them after the words `otherwise`."""
    names = list(known)
    guess = nearest(name, names)
    if guess is not None:
        return f"did you mean {guess}?"
    if not names:
        return ""
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    return f"{otherwise}: {', '.join(map(shown, names[:_SHOWN_NAMES]))}{more}"


def shown(text: str, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return `text` in one line: control characters escaped, long texts shortened to `limit` characters."""
    short = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(_printable(character) for character in short)


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
