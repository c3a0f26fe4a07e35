"""Holds which rows of a source are taken, by a mark for each, and yields these rows when they are needed.

Memory does not grow with the rows, but for a byte of each. row_choice.py sets the marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from botticelli.errors import InvalidInput
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row, RowSource
from botticelli.rows.row_keys import BadKey, compact, key_of

if TYPE_CHECKING:
    from hashlib import _Hash

SEPARATOR = "\x1f"
"""Stands between the fields of a table when they are hashed; a row that contains it is hashed as JSON."""
LEFT_OUT, TAKEN, BAD = 0, 1, 2
"""Marks of the rows of a source."""

Succeeded = Callable[[Sequence[str]], Collection[str]]
"""Returns those of the keys that need no further run."""


class Judge(Protocol):
    """Judges whether a row can be performed, always with the same answer for the same row. The text is the row's JSON."""

    def __call__(self, row: Row, text: str) -> str | None:
        """Return why a row can't be performed, or None."""

    def due(self, lengths: Sequence[int]) -> Iterable[int] | None:
        """Return the positions of the next rows that must be measured, by their lengths in characters; None: call for each."""

    def measure(self, row: Row, text: str) -> str | None:
        """Return why a row that is due can't be performed, or None."""

    def begin(self) -> None:
        """Begin again with the first row."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Says which rows are taken: all of them, unless `limit` or `sample` is given, or `succeeded` leaves some out."""

    key: tuple[str, ...] = ()
    skip_bad: bool = False
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    succeeded: Succeeded | None = None


@dataclass(frozen=True, slots=True)
class ChosenRow:
    """A row that is taken. `number` counts those from 1; `text` is its JSON."""

    number: int
    line: int
    key: str
    text: str


@dataclass(slots=True)
class RowSet:
    """The rows of a source that are taken. `digest` stands for their content."""

    source: RowSource
    choice: Choice
    judge: Judge
    taken: bytearray = field(default_factory=bytearray)
    """The mark of each row of the source."""
    duplicates: Mapping[int, int] = field(default_factory=dict)
    """Line of the first row of the same key, by the position of a row in the source."""
    count: int = 0
    bad: int = 0
    done: int = 0
    """Rows that succeeded before."""
    digest: str = ""
    reason: str = ""
    """Reason of the first bad row."""
    content: _Hash = field(init=False)
    """Hash of all good rows, taken or not."""
    is_table: bool = field(init=False)
    """Whether the rows are fields of text under the columns of the source."""

    def __post_init__(self) -> None:
        self.is_table = self.source.scan() is not None
        self.content = self._new_content()

    def mark_good(self, keys: Sequence[str], count: int) -> None:
        """Mark the next rows as taken, but for those that succeeded before. `keys` is empty where rows have none."""
        succeeded = self.choice.succeeded
        done = succeeded(keys) if succeeded and keys else ()
        self.taken += bytes(key not in done for key in keys) if done else bytes((TAKEN,)) * count
        self.done += sum(key in done for key in keys) if done else 0

    def rows(self) -> Iterator[ChosenRow | BadRow]:
        """Yield the rows that are taken, and the bad ones among all. InvalidInput when the source has changed."""
        content, number = self._new_content(), 0
        for position, row in enumerate(islice(self.source.read(), len(self.taken))):
            mark = self.taken[position]
            if mark == BAD:
                yield self._bad_row(row, position, content)
                continue
            named = name_row(self, row, content)
            if isinstance(named, BadRow):
                raise self._changed()
            if mark == TAKEN:
                number += 1
                yield ChosenRow(number, row.line, *named)
        if digest_of(content, self.taken) != self.digest:
            raise self._changed()

    def _bad_row(self, row: Row | BadRow, position: int, content: _Hash) -> BadRow:
        """Return a bad row with its reason."""
        if position in self.duplicates:
            named = name_row(self, row, content)
            if not isinstance(named, BadRow):
                return BadRow(row.line, duplicate_reason(named[0], self.duplicates[position]))
        judged = judge_row(self, row)
        if not isinstance(judged, BadRow):
            raise self._changed()
        return judged

    def _new_content(self) -> _Hash:
        return hashlib.sha256(repr(self.source.columns).encode("utf-8", "replace") if self.is_table else b"")

    def _changed(self) -> InvalidInput:
        return InvalidInput("has changed while it was read", where=self.source.name, do="run it again")

    def close(self) -> None:
        self.source.close()


def judge_row(chosen: RowSet, row: Row | BadRow) -> tuple[str, str] | BadRow:
    """Return the key and the JSON of a row; a bad row where it has none, or can't be performed."""
    named = name_row(chosen, row)
    if isinstance(row, BadRow) or isinstance(named, BadRow):
        return row if isinstance(row, BadRow) else named
    reason = chosen.judge(row, named[1])
    return named if reason is None else BadRow(row.line, reason)


def name_row(chosen: RowSet, row: Row | BadRow, content: _Hash | None = None) -> tuple[str, str] | BadRow:
    """Return the key and the JSON of a row, and add it to a hash of the content; a bad row where it has no key."""
    if isinstance(row, BadRow):
        return row
    text = row.text or compact(row.values)
    if len(text) > MAX_ROW_CHARACTERS:
        return BadRow(row.line, f"has {len(text):,} characters, the limit is {MAX_ROW_CHARACTERS:,}")
    try:
        key = key_of(row.values, chosen.choice.key, text)
    except BadKey as error:
        return BadRow(row.line, str(error))
    if content is not None:
        content.update(hashed(chosen, row, text))
    return key, text


def hashed(chosen: RowSet, row: Row, text: str) -> bytes:
    """Return what stands for a row in the hash of the content: the fields of a table as they are, else its JSON."""
    if chosen.is_table:
        fields = SEPARATOR.join(row.values.values())
        text = fields if fields.count(SEPARATOR) == len(row.values) - 1 else text
    return (text + SEPARATOR).encode()


def duplicate_reason(key: str, first_line: int) -> str:
    """Say why a row is bad whose key an earlier row has."""
    return f"the key {key!r} stands in line {first_line} already"


def digest_of(content: _Hash, taken: bytearray) -> str:
    """Return the digest of all good rows and of the marks of all rows."""
    whole = content.copy()
    whole.update(taken)
    return whole.hexdigest()
