"""Reads TOML text before and beside `tomllib`: decodes it, cuts it into tokens, finds the place of each key.

Cutting takes linear time, and refuses what would make a parser slow. It recognises only strings, comments and
punctuation; `tomllib` decides whether the text is valid. Positions are those of a text that `tomllib` has accepted.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Byte order marks of other encodings; UTF-32 first, as its little-endian mark begins with that of UTF-16."""


class NotUtf8(ValueError):
    """Says why bytes are not UTF-8 text. `line` counts from 1; 0 when the problem is not in one line."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def decoded(raw: bytes) -> str:
    r"""Decode UTF-8, drop a byte order mark and make every line end `\n`. Raises NotUtf8."""
    for mark, name in _OTHER_MARKS.items():
        if raw.startswith(mark):
            raise NotUtf8(f"is {name} text, not UTF-8; save it as UTF-8")
    if b"\0" in raw:
        raise NotUtf8("holds a NUL byte, so it is not text", raw.count(b"\n", 0, raw.index(b"\0")) + 1)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NotUtf8(f"is not UTF-8 text (line {line})", line) from None


MAX_KEY_PARTS = 8
MAX_DEPTH = 32
MAX_TOKENS = 20_000
"""Limits keys, values and punctuation together, each counted as one: about 5,000 lines `key = value`."""

_TOKEN = re.compile(
    r"""(?P<skip>[ \t]+|\#[^\n]*)
      | (?P<quote>\"\"\"|'''|"|')
      | (?P<mark>[\[\]{}=,.\n])
      | (?P<bare>[^\s\[\]{}=,.\#"']+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ENDS = {
    '"""': re.compile(r'\\.|"{3,5}', re.DOTALL),
    "'''": re.compile(r"'{3,5}"),
    '"': re.compile(r'\\.|"|\n', re.DOTALL),
    "'": re.compile(r"'|\n"),
}
"""Matches what ends a string with this opening quote, an escape that must be skipped, or a line end that breaks it."""


class Token(NamedTuple):
    """Marks a piece of the text from `start` to before `end`; `kind` is `string`, `bare`, `other`, or the punctuation."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Says why a text is not parsed, and at which character."""

    offset: int
    message: str
    hint: str = ""


def tokenize(text: str) -> tuple[Token, ...] | Refusal:
    """Return the tokens of `text` without blanks and comments, or a Refusal: a limit is passed or a string never ends."""
    tokens: list[Token] = []
    depth = parts = 0
    after_dot = False
    at = 0
    while match := _TOKEN.match(text, at):
        kind, start, at = match.lastgroup or "other", match.start(), match.end()
        if kind == "skip":
            continue
        if kind == "quote":
            kind, at = "string", _end_of_string(text, at, match.group())
        if at < 0:
            return Refusal(start, "this string has no closing quote", "end it with the quote it begins with")
        if kind == "mark":
            kind = match.group()
        depth += (kind in "[{") - (kind in "]}")
        if depth > MAX_DEPTH:
            return Refusal(start, f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        if kind in {"bare", "string"}:
            parts = parts + 1 if after_dot else 1
        if parts > MAX_KEY_PARTS:
            return Refusal(start, f"a key has more than {MAX_KEY_PARTS} parts", "use fewer dots")
        if len(tokens) >= MAX_TOKENS:
            return Refusal(start, f"there are more than {MAX_TOKENS:,} keys, values and marks", "split the file")
        after_dot = kind == "."
        tokens.append(Token(kind, start, at))
    return tuple(tokens)


def _end_of_string(text: str, at: int, quote: str) -> int:
    """Return the offset behind the closing quote of a string whose content begins at `at`; -1 when there is none."""
    while match := _ENDS[quote].search(text, at):
        if match.group().startswith("\\"):
            at = match.end()
        elif match.group() == "\n":
            return -1
        else:
            return match.end()
    return -1


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
