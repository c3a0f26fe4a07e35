"""Chooses rows of a source in a first pass, which checks all of them, and yields those in a second one.

Memory does not grow with the rows, but for a byte and the hash of the key of each. A table of text is checked in batches
first (quick_check.py); only where that finds something to look at, and for other sources, each row is.
"""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Protocol

from botticelli.errors import InvalidInput
from botticelli.rows.quick_check import SEPARATOR, are_all_good
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row, RowSource, place
from botticelli.rows.row_keys import BadKey, compact, key_of

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 1000
"""Rows whose keys are compared with earlier runs at once."""
MAX_DUPLICATES = 100_000

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
        if _digest(content, self.taken) != self.digest:
            raise self._changed()

    def _bad_row(self, row: Row | BadRow, position: int, content: _Hash) -> BadRow:
        """Return a bad row with its reason."""
        if position in self.duplicates:
            named = name_row(self, row, content)
            if not isinstance(named, BadRow):
                return BadRow(row.line, _duplicate(named[0], self.duplicates[position]))
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


def choose_rows(source: RowSource, choice: Choice, judge: Judge) -> RowSet:
    """Read and check all rows, and choose those that are taken.

    InvalidInput for the first bad row, unless bad rows are skipped, and when there are no rows at all.
    """
    chosen = RowSet(source, choice, judge)
    if not are_all_good(chosen):
        judge.begin()
        chosen = RowSet(source, choice, judge)
        _check_each(chosen)
    _reduce(chosen)
    chosen.count = chosen.taken.count(TAKEN)
    chosen.digest = _digest(chosen.content, chosen.taken)
    return chosen


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
        content.update(_hashed(chosen, row, text))
    return key, text


def _hashed(chosen: RowSet, row: Row, text: str) -> bytes:
    """Return what stands for a row in the hash of the content: the fields of a table as they are, else its JSON."""
    if chosen.is_table:
        fields = SEPARATOR.join(row.values.values())
        text = fields if fields.count(SEPARATOR) == len(row.values) - 1 else text
    return (text + SEPARATOR).encode()


def _check_each(chosen: RowSet) -> None:
    """Check and mark each row by itself. InvalidInput as `choose_rows`."""
    hashes = array("q")
    for keys in _passed(chosen):
        hashes.extend(map(hash, keys))
    source = chosen.source
    if not chosen.taken:
        raise InvalidInput("has no rows", where=source.name, do="give at least one")
    if chosen.bad == len(chosen.taken):
        raise InvalidInput(f"none of its rows can be used: {chosen.reason}", where=source.name, do="correct them")
    if chosen.choice.key:
        _refuse_duplicates(chosen, _repeated(hashes))


def _passed(chosen: RowSet) -> Iterator[list[str]]:
    """Mark the rows, chunk by chunk, and yield the keys of all good rows of each chunk.

    Ends as soon as there are as many as the limit, unless they are to be drawn from all rows.
    """
    rows, choice = chosen.source.read(), chosen.choice
    most = None if choice.sample is not None else choice.limit
    while chunk := list(islice(rows, CHUNK if most is None else min(CHUNK, most - chosen.taken.count(TAKEN)))):
        judged = [_accepted(chosen, row) for row in chunk]
        good = [key for key in judged if key is not None]
        marks = len(chosen.taken)
        chosen.mark_good(good, len(good))
        own = iter(chosen.taken[marks:])
        chosen.taken[marks:] = bytes(BAD if key is None else next(own) for key in judged)
        yield good


def _accepted(chosen: RowSet, row: Row | BadRow) -> str | None:
    """Return the key of a good row, None for a bad one that is left out. InvalidInput."""
    judged = judge_row(chosen, row)
    if isinstance(judged, BadRow):
        _reject(chosen, judged)
        return None
    if isinstance(row, Row):
        chosen.content.update(_hashed(chosen, row, judged[1]))
    return judged[0]


def _reject(chosen: RowSet, row: BadRow) -> None:
    chosen.bad += 1
    chosen.reason = chosen.reason or f"line {row.line} {row.reason}"
    if not chosen.choice.skip_bad:
        do = "correct it, or leave out bad rows with --skip-bad"
        raise InvalidInput(row.reason, where=place(chosen.source.name, row.line, row.column), do=do)


def _repeated(hashes: array[int]) -> set[int]:
    """Return the hashes that occur more than once."""
    ordered = sorted(hashes)
    return {before for before, after in pairwise(ordered) if before == after}


def _refuse_duplicates(chosen: RowSet, suspects: Collection[int]) -> None:
    """Reject rows with the key of an earlier one. Equal hashes are compared by the keys themselves, in another pass."""
    first_lines: dict[str, int] = {}
    duplicates: dict[int, int] = {}
    for position, row in enumerate(islice(chosen.source.read(), len(chosen.taken)) if suspects else ()):
        judged = judge_row(chosen, row)
        if isinstance(judged, BadRow) or hash(judged[0]) not in suspects:
            continue
        key = judged[0]
        if first_lines.setdefault(key, row.line) == row.line:
            continue
        _reject(chosen, BadRow(row.line, _duplicate(key, first_lines[key])))
        duplicates[position] = first_lines[key]
        chosen.taken[position] = BAD
        if len(duplicates) > MAX_DUPLICATES:
            do = "is it the right key?"
            raise InvalidInput(f"more than {MAX_DUPLICATES:,} keys are repeated", where=chosen.source.name, do=do)
    chosen.duplicates = duplicates


def _duplicate(key: str, first_line: int) -> str:
    return f"the key {key!r} stands in line {first_line} already"


def _reduce(chosen: RowSet) -> None:
    """Leave only the sample of the rows, and of these only the first ones up to the limit."""
    choice, total = chosen.choice, chosen.taken.count(TAKEN)
    left = range(total)
    drawn: Collection[int] = left
    if choice.sample is not None and choice.sample < total:
        drawn = sorted(random.Random(choice.seed).sample(left, choice.sample))  # noqa: S311 (guards nothing)
    drawn = set(islice(drawn, choice.limit)) if choice.limit is not None or len(drawn) < total else left
    ordinal = -1
    for position in range(len(chosen.taken)) if len(drawn) < total else ():
        if chosen.taken[position] == TAKEN:
            ordinal += 1
            chosen.taken[position] = ordinal in drawn


def _digest(content: _Hash, taken: bytearray) -> str:
    whole = content.copy()
    whole.update(taken)
    return whole.hexdigest()
