"""Chooses rows of a source in a first pass, which checks all of them, and yields those in a second one.

Memory does not grow with the rows, but for a byte and the hash of the key of each.
"""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from botticelli.errors import InvalidInput
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row, RowSource, place
from botticelli.rows.row_keys import BadKey, compact, key_of

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 1000
"""Rows whose keys are compared with earlier runs at once."""
MAX_DUPLICATES = 100_000

Judge = Callable[[Row, str], str | None]
"""Returns why a row can't be performed, or None. The text is its JSON."""
Succeeded = Callable[[Sequence[str]], Collection[str]]
"""Returns those of the keys that need no further run."""


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
    """For each row of the source, whether it is taken."""
    duplicates: Mapping[int, int] = field(default_factory=dict)
    """Line of the first row of the same key, by the position of a row in the source."""
    count: int = 0
    bad: int = 0
    done: int = 0
    """Rows that succeeded before."""
    digest: str = ""
    reason: str = ""
    """Reason of the first bad row."""

    def rows(self) -> Iterator[ChosenRow | BadRow]:
        """Yield the rows that are taken, and the bad ones among all. InvalidInput when the source has changed."""
        content, number = hashlib.sha256(), 0
        for position, row in enumerate(islice(self.source.read(), len(self.taken))):
            judged = judge_row(self, row)
            if isinstance(judged, BadRow):
                yield judged
                continue
            key, text = judged
            content.update(text.encode())
            if position in self.duplicates:
                yield BadRow(row.line, _duplicate(key, self.duplicates[position]))
            elif self.taken[position]:
                number += 1
                yield ChosenRow(number, row.line, key, text)
        if _digest(content, self.taken) != self.digest:
            raise InvalidInput("has changed while it was read", where=self.source.name, do="run it again")

    def close(self) -> None:
        self.source.close()


def choose_rows(source: RowSource, choice: Choice, judge: Judge) -> RowSet:
    """Read and check all rows, and choose those that are taken.

    InvalidInput for the first bad row, unless bad rows are skipped, and when there are no rows at all.
    """
    chosen = RowSet(source, choice, judge)
    content, hashes = hashlib.sha256(), array("q")
    for keys in _passed(chosen, content):
        hashes.extend(map(hash, keys))
    if not chosen.taken:
        raise InvalidInput("has no rows", where=source.name, do="give at least one")
    if chosen.bad == len(chosen.taken):
        raise InvalidInput(f"none of its rows can be used: {chosen.reason}", where=source.name, do="correct them")
    if choice.key:
        _refuse_duplicates(chosen, _repeated(hashes))
    _reduce(chosen)
    chosen.count = sum(chosen.taken)
    chosen.digest = _digest(content, chosen.taken)
    return chosen


def judge_row(chosen: RowSet, row: Row | BadRow) -> tuple[str, str] | BadRow:
    """Return the key and the JSON of a row; a bad row where it has none, or can't be performed."""
    if isinstance(row, BadRow):
        return row
    text = compact(row.values)
    if len(text) > MAX_ROW_CHARACTERS:
        return BadRow(row.line, f"has {len(text):,} characters, the limit is {MAX_ROW_CHARACTERS:,}")
    try:
        key = key_of(row.values, chosen.choice.key, text)
    except BadKey as error:
        return BadRow(row.line, str(error))
    reason = chosen.judge(row, text)
    return (key, text) if reason is None else BadRow(row.line, reason)


def _passed(chosen: RowSet, content: _Hash) -> Iterator[list[str]]:
    """Mark the rows that may be taken, chunk by chunk, and yield the keys of all good rows of each chunk.

    Ends as soon as there are as many as the limit, unless they are to be drawn from all rows.
    """
    rows, choice = chosen.source.read(), chosen.choice
    most = None if choice.sample is not None else choice.limit
    while chunk := list(islice(rows, CHUNK if most is None else min(CHUNK, most - chosen.count))):
        judged = [_accepted(chosen, row) for row in chunk]
        good = [pair[0] for pair in judged if pair is not None]
        for pair in judged:
            content.update(b"" if pair is None else pair[1].encode())
        done = chosen.choice.succeeded(good) if chosen.choice.succeeded and good else ()
        marks = bytes(pair is not None and pair[0] not in done for pair in judged)
        chosen.taken += marks
        chosen.count += sum(marks)
        chosen.done += sum(key in done for key in good)
        yield good


def _accepted(chosen: RowSet, row: Row | BadRow) -> tuple[str, str] | None:
    """Return the key and the JSON of a good row, None for a bad one that is left out. InvalidInput."""
    judged = judge_row(chosen, row)
    if not isinstance(judged, BadRow):
        return judged
    _reject(chosen, judged)
    return None


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
        chosen.taken[position] = 0
        if len(duplicates) > MAX_DUPLICATES:
            do = "is it the right key?"
            raise InvalidInput(f"more than {MAX_DUPLICATES:,} keys are repeated", where=chosen.source.name, do=do)
    chosen.duplicates = duplicates


def _duplicate(key: str, first_line: int) -> str:
    return f"the key {key!r} stands in line {first_line} already"


def _reduce(chosen: RowSet) -> None:
    """Leave only the sample of the rows, and of these only the first ones up to the limit."""
    choice, total = chosen.choice, sum(chosen.taken)
    left = range(total)
    drawn: Collection[int] = left
    if choice.sample is not None and choice.sample < total:
        drawn = sorted(random.Random(choice.seed).sample(left, choice.sample))  # noqa: S311 (guards nothing)
    drawn = set(islice(drawn, choice.limit)) if choice.limit is not None or len(drawn) < total else left
    ordinal = -1
    for position in range(len(chosen.taken)) if len(drawn) < total else ():
        if chosen.taken[position]:
            ordinal += 1
            chosen.taken[position] = ordinal in drawn


def _digest(content: _Hash, taken: bytearray) -> str:
    whole = content.copy()
    whole.update(taken)
    return whole.hexdigest()
