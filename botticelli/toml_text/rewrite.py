"""Rewrites the lines of a TOML text so that it holds another document, and leaves unchanged lines as they are.

Tables keep their headers, keys their lines and comments; keys without effect become comments.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.toml_text.lexer import Positions, Refusal, TomlPath, tokenize

_COMMENT = re.compile(r"(?:[^\"'#]|\"(?:[^\"\\]|\\.)*\"|'[^']*')*(#.*)")


@dataclass(frozen=True, slots=True)
class Change:
    """Describes a change: the `new` document, where its values were `written`, and old paths that are `left_out`."""

    new: Mapping[str, Any]
    written: Callable[[TomlPath], TomlPath]
    moved: Mapping[TomlPath, TomlPath]
    """Paths where values were written, by their paths in `new`."""
    left_out: Collection[TomlPath] = ()


def rewrite(text: str, change: Change) -> str:
    """Return the text that holds `change.new`. Valid only when each table has a header of its own; callers check that."""
    return _Rewriter(text, change).rewritten()


def value_text(value: Any) -> str:
    """Write a value in TOML on one line; a list of tables takes one line for each."""
    import tomlkit

    if isinstance(value, dict):
        inner = ", ".join(
            f"{tomlkit.item({key: 0}).as_string().split(' =')[0]} = {value_text(inner)}" for key, inner in value.items()
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        items = [value_text(inner) for inner in value]
        if any(isinstance(inner, dict) for inner in value):
            return "\n".join(["[", *(f"    {inner}," for inner in items), "]"])
        return f"[{', '.join(items)}]"
    return str(tomlkit.item(value).as_string())


def get(document: Any, path: TomlPath) -> Any:
    """Return the value at a path; None when there is none."""
    for step in path:
        is_item = isinstance(document, list) and isinstance(step, int) and step < len(document)
        if is_item or (isinstance(document, dict) and step in document):
            document = document[step]
        else:
            return None
    return document


@dataclass
class _Rewriter:
    """Rewrites a text line by line."""

    text: str
    change: Change
    lines: list[list[str]] = field(default_factory=list)
    """New lines for each line of the text."""

    def rewritten(self) -> str:
        self.lines = [[line] for line in self.text.split("\n")]
        tokens = tokenize(self.text)
        self._positions = Positions(self.text, () if isinstance(tokens, Refusal) else tokens)
        self._old = tomllib.loads(self.text)
        self._headers = self._positions.headers()
        self._starts = sorted({self._positions.at(path)[0] for path in self._positions.paths()})
        now = map(self._new_path, self._headers)
        self._new_headers = {path for path in now if isinstance(get(self.change.new, path), dict)}
        self._rewrite_table((), 0)
        for path, line in self._headers.items():
            self._rewrite_table(path, line)
        return "\n".join(line for part in self.lines for line in part)

    def _new_path(self, path: TomlPath) -> TomlPath:
        """Return the path in the new document of the value that was written at `path`."""
        best: tuple[TomlPath, TomlPath] | None = None
        for new, old in self.change.moved.items():
            if path[: len(old)] == old and (best is None or len(old) > len(best[1])):
                best = (new, old)
        return path if best is None else (*best[0], *path[len(best[1]) :])

    def _is_left_out(self, path: TomlPath) -> bool:
        return any(path[: len(prefix)] == prefix for prefix in self.change.left_out)

    def _rewrite_table(self, path: TomlPath, line: int) -> None:
        """Rewrite the header at `line` (0: the root) and the keys below it."""
        now = self._new_path(path)
        new = get(self.change.new, now)
        written: set[str] = set()
        place = 0
        for key in self._keys(path):
            here = (*path, key)
            first = self._positions.at(here)[0]
            has_moved = self._rewrite_key(here, now, new if isinstance(new, dict) else {}, written)
            place = place or (first if has_moved else 0)
        if line and self._is_left_out(path):
            self.lines[line - 1] = [f"# {self.lines[line - 1][0]}"]
        elif line and not isinstance(new, dict):
            self._drop_lines(line, line)
        elif line and now != path:
            self._rewrite_header(line, now)
        if isinstance(new, dict):
            self._insert_missing(now, new, written, place or line, is_root=not line)

    def _keys(self, path: TomlPath) -> list[str]:
        """Return the keys that have lines of their own below the header."""
        table = get(self._old, path)
        names = [key for key in table if not any(header[: len(path) + 1] == (*path, key) for header in self._headers)]
        return names if isinstance(table, dict) else []

    def _rewrite_key(self, here: TomlPath, now: TomlPath, new: Mapping[str, Any], written: set[str]) -> bool:
        """Rewrite the lines of a key, and tell whether its value moved or was replaced."""
        first, last = self._span(here)
        key, value = str(here[-1]), get(self._old, here)
        is_replaced = isinstance(value, str) and new.get(key, value) != value
        if self._is_left_out(here) or is_replaced:
            for number in range(first, last + 1):
                self.lines[number - 1] = [f"# {line}" for line in self.lines[number - 1]]
            return is_replaced
        target = self._new_path(here)
        if target[:-1] == now and target[-1] in new and new[str(target[-1])] == value:
            written.add(str(target[-1]))
            if target[-1] != key:
                self._rename(first, here, str(target[-1]))
            return False
        self._drop_lines(first, last)
        return True

    def _span(self, path: TomlPath) -> tuple[int, int]:
        """Return the first and the last line of a key's value."""
        first = self._positions.at(path)[0]
        inside = [other for other in self._positions.paths() if other[: len(path)] == path]
        last_start = max(self._positions.at(other)[0] for other in inside)
        end = next((start for start in self._starts if start > last_start), len(self.lines) + 1) - 1
        while end > first and (not (text := self.lines[end - 1][-1].strip()) or text.startswith("#")):
            end -= 1
        return first, end

    def _drop_lines(self, first: int, last: int) -> None:
        """Drop lines, but keep the comments at their ends."""
        for number in range(first, last + 1):
            comment = _comment_of(self.lines[number - 1][0])
            self.lines[number - 1] = [comment] if comment else []

    def _rename(self, line: int, path: TomlPath, new: str) -> None:
        column = self._positions.at(path)[1] - 1
        old = self.lines[line - 1][0]
        self.lines[line - 1] = [old[:column] + re.sub(r"^(\"[^\"]*\"|'[^']*'|[\w-]+)", new, old[column:])]

    def _rewrite_header(self, line: int, path: TomlPath) -> None:
        dotted = ".".join(_bare(str(step)) for step in path if isinstance(step, str))
        header = f"[[{dotted}]]" if isinstance(path[-1], int) else f"[{dotted}]"
        self.lines[line - 1] = [re.sub(r"\[\[?.*?\]\]?", lambda _: header, self.lines[line - 1][0], count=1)]

    def _insert_missing(
        self, now: TomlPath, new: Mapping[str, Any], written: Collection[str], line: int, *, is_root: bool
    ) -> None:
        """Insert the keys of the new table that no line holds yet."""
        missing = {key: value for key, value in new.items() if key not in written and not self._has_header((*now, key))}
        added = []
        for key, value in missing.items():
            if is_root and isinstance(value, dict):
                added += [
                    f"[{_bare(key)}]",
                    *(f"{_bare(inner_key)} = {value_text(inner)}" for inner_key, inner in value.items()),
                    "",
                ]
            else:
                added += f"{_bare(key)} = {value_text(value)}".split("\n")
        if is_root and added:
            before = min(self._headers.values(), default=len(self.lines) + 1) - 1
            while before and self.lines[before - 1] and self.lines[before - 1][-1].strip().startswith("#"):
                before -= 1
            if before:
                self.lines[before - 1] += added
            else:
                self.lines[0][:0] = added
        elif added:
            self.lines[line - 1] += added

    def _has_header(self, path: TomlPath) -> bool:
        return any(header[: len(path)] == path for header in self._new_headers)


def _comment_of(line: str) -> str:
    """Return the comment at the end of a line of TOML; empty inside a text of several lines."""
    match = _COMMENT.fullmatch(line)
    return match[1] if match else ""


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else value_text(key)
