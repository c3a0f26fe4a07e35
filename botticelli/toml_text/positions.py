"""Finds the line and column of each key and value of a TOML text that `tomllib` has accepted. Checks nothing."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Collection, Sequence

from botticelli.toml_text.tokens import Token

TomlPath = tuple[str | int, ...]
"""Path to a value, of keys and list indexes from the root: `("act", 0, "input", 1, "content")`."""

_ESCAPE = re.compile(r"\\(?:(?P<nothing>[ \t]*\n[ \t\n]*)|u.{4}|U.{8}|x..|.)", re.DOTALL)


class Positions:
    """Finds lines and columns, both from 1, of the keys, the list items and the characters of strings in one text."""

    def __init__(self, text: str, tokens: Sequence[Token] = ()) -> None:
        self._text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        reader = _Reader(text, tokens)
        self._keys = reader.keys
        self._strings = reader.strings
        self._headers = reader.headers

    def is_header(self, path: TomlPath) -> bool:
        """Tell whether `path` has a `[table]` or `[[table]]` line of its own."""
        return path in self._headers

    def headers(self) -> dict[TomlPath, int]:
        """Return the line of each `[table]` or `[[table]]`, in the order of the text."""
        lines = {path: self.of_offset(self._keys[path])[0] for path in self._headers}
        return dict(sorted(lines.items(), key=lambda item: item[1]))

    def paths(self) -> Collection[TomlPath]:
        """Return the paths of all keys and list items."""
        return self._keys.keys()

    def at(self, path: TomlPath, offset: int | None = None) -> tuple[int, int]:
        """Return line and column of the key at `path`, else of what encloses it; (0, 0) for the empty path.

        With `offset` it is the place of that character of the string there.
        """
        if offset is not None and path in self._strings:
            return self.of_offset(self._inside(*self._strings[path], offset))
        while path and path not in self._keys:
            path = path[:-1]
        return self.of_offset(self._keys[path]) if path else (0, 0)

    def of_offset(self, offset: int) -> tuple[int, int]:
        """Return line and column of the character at an offset of the text."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def _inside(self, start: int, end: int, offset: int) -> int:
        quote = self._text[start]
        at = start + 1
        if self._text.startswith(quote * 3, start):
            at = start + 3 + self._text.startswith("\n", start + 3)
        if quote == "'":
            return at + offset
        for escape in _ESCAPE.finditer(self._text, at, end):
            plain = escape.start() - at
            if offset < plain:
                break
            offset -= plain
            if escape["nothing"] is None:
                if offset == 0:
                    return escape.start()
                offset -= 1
            at = escape.end()
        return at + offset


class _Reader:
    """Walks over the tokens once and fills `keys` (offsets), `strings` (spans) and `headers`."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.keys: dict[TomlPath, int] = {}
        self.strings: dict[TomlPath, tuple[int, int]] = {}
        self.headers: set[TomlPath] = set()
        self._text = text
        self._tokens = [*tokens, Token("\n", len(text), len(text))]
        self._next = 0
        self._lengths: dict[TomlPath, int] = {}
        self._document()

    def _peek(self) -> str:
        return self._tokens[self._next].kind

    def _take(self) -> Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _document(self) -> None:
        table: TomlPath = ()
        while self._next < len(self._tokens):
            if self._peek() == "\n":
                self._take()
            elif self._peek() == "[":
                table = self._header()
            else:
                self._key_and_value(table)

    def _header(self) -> TomlPath:
        self._take()
        is_item = self._peek() == "["
        if is_item:
            self._take()
        path: TomlPath = ()
        parts = self._key()
        for number, (name, offset) in enumerate(parts, 1):
            path = (*path, name)
            self.keys.setdefault(path, offset)
            if is_item and number == len(parts):
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
                self.keys.setdefault(path, offset)
        self.keys[path] = parts[-1][1]
        self.headers.add(path)
        while self._peek() == "]":
            self._take()
        return path

    def _key(self) -> list[tuple[str, int]]:
        parts = [self._name(self._take())]
        while self._peek() == ".":
            self._take()
            parts.append(self._name(self._take()))
        return parts

    def _name(self, token: Token) -> tuple[str, int]:
        written = self._text[token.start : token.end]
        name = tomllib.loads(f"name = {written}")["name"] if token.kind == "string" else written
        return name, token.start

    def _key_and_value(self, table: TomlPath) -> None:
        path = table
        for name, offset in self._key():
            path = (*path, name)
            self.keys.setdefault(path, offset)
        self._take()
        self._value(path)

    def _value(self, path: TomlPath) -> None:
        token = self._take()
        if token.kind == "[":
            self._array(path)
        elif token.kind == "{":
            self._inline_table(path)
        elif token.kind == "string":
            self.strings[path] = (token.start, token.end)
        else:
            while self._peek() not in {",", "]", "}", "\n"}:
                self._take()

    def _array(self, path: TomlPath) -> None:
        index = 0
        while self._peek() != "]":
            if self._peek() in {",", "\n"}:
                self._take()
                continue
            self.keys[(*path, index)] = self._tokens[self._next].start
            self._value((*path, index))
            index += 1
        self._take()

    def _inline_table(self, path: TomlPath) -> None:
        while self._peek() != "}":
            if self._peek() in {",", "\n"}:
                self._take()
            else:
                self._key_and_value(path)
        self._take()
