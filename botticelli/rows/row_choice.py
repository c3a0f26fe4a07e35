"""Chooses the rows of a run in one pass, which checks all rows of a source.

A table of text is checked batch by batch first: either no row of it is bad, or each row must be checked by itself. Batches are
five times faster, and the first iteration of a million rows waits for this pass. Memory does not grow with the rows, but
for a byte and the hash of the key of each.
"""

from __future__ import annotations

import csv
import random
from array import array
from collections.abc import Collection, Iterator, Sequence
from itertools import islice, pairwise
from operator import itemgetter

from botticelli.errors import InvalidInput
from botticelli.rows.row import MAX_ROW_CHARACTERS, BadRow, Row, RowSource, place, unstorable
from botticelli.rows.row_keys import MAX_KEY_CHARACTERS, compact
from botticelli.rows.row_set import (
    BAD,
    SEPARATOR,
    TAKEN,
    Choice,
    Judge,
    RowSet,
    digest_of,
    duplicate_reason,
    hashed,
    judge_row,
)

CHUNK = 1000
"""Rows whose keys are compared with earlier runs at once."""
MAX_DUPLICATES = 100_000
MOST_ESCAPED = 6
"""Characters of JSON that a character of a field may take."""


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
    chosen.digest = digest_of(chosen.content, chosen.taken)
    return chosen


def are_all_good(chosen: RowSet) -> bool:
    """Check all rows and mark those that are taken; False, as soon as a row needs a closer look.

    It does when a row is bad or seems to be, when a key is repeated, and when the values of the source are not text.
    """
    batches, columns, choice = chosen.source.scan(), chosen.source.columns, chosen.choice
    is_cut = choice.limit is not None and choice.sample is None
    is_named = set(choice.key) <= set(columns or ()) and (choice.key or choice.succeeded is None)
    if batches is None or columns is None or is_cut or not is_named:
        return False
    check = _TableCheck(chosen, columns)
    try:
        are_good = all(check.accepts(list(filter(None, batch))) for batch in batches)
    except csv.Error:
        return False
    return are_good and len(chosen.taken) > 0 and not is_repeated(check.hashes)


def is_repeated(hashes: array[int]) -> bool:
    """Whether two of the hashes are equal."""
    return len(set(hashes)) < len(hashes)


class _TableCheck:
    def __init__(self, chosen: RowSet, columns: Sequence[str]) -> None:
        self._chosen = chosen
        self._columns = columns
        self._key = [columns.index(column) for column in chosen.choice.key]
        self._overhead = sum(map(len, columns)) * MOST_ESCAPED + 6 * len(columns)
        self.hashes = array("q")

    def accepts(self, rows: list[list[str]]) -> bool:
        """Check the fields of some rows, and mark these rows as taken; False when one of them needs a closer look."""
        columns = len(self._columns)
        texts = list(map(SEPARATOR.join, rows))
        whole = SEPARATOR.join(texts)
        lengths = list(map(len, texts))
        is_sound = (
            set(map(len, rows)) <= {columns}
            and whole.count(SEPARATOR) == len(rows) * columns - 1
            and unstorable(whole) is None
            and max(lengths) * MOST_ESCAPED + self._overhead <= MAX_ROW_CHARACTERS
            and self._fits(rows, lengths)
        )
        keys = self._keys(rows) if is_sound else None
        if not rows or keys is None:
            return not rows
        self._chosen.content.update((whole + SEPARATOR).encode())
        self.hashes.extend(map(hash, keys))
        self._chosen.mark_good(keys, len(rows))
        return True

    def _fits(self, rows: list[list[str]], lengths: list[int]) -> bool:
        """Whether the judge accepts the rows that must be measured."""
        due = self._chosen.judge.due(lengths)
        if due is None:
            return False
        values = (dict(zip(self._columns, rows[position], strict=True)) for position in due)
        return all(self._chosen.judge.measure(Row(0, row), compact(row)) is None for row in values)

    def _keys(self, rows: list[list[str]]) -> list[str] | None:
        """Return the keys of the rows, none without key columns; None when one of them can't be a key."""
        if not self._key:
            return []
        parts = [list(map(itemgetter(position), rows)) for position in self._key]
        keys = parts[0] if len(parts) == 1 else [compact(key) for key in zip(*parts, strict=True)]
        is_good = not any("" in column for column in parts) and max(map(len, keys)) <= MAX_KEY_CHARACTERS
        return keys if is_good else None


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
        chosen.content.update(hashed(chosen, row, judged[1]))
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
        _reject(chosen, BadRow(row.line, duplicate_reason(key, first_lines[key])))
        duplicates[position] = first_lines[key]
        chosen.taken[position] = BAD
        if len(duplicates) > MAX_DUPLICATES:
            do = "is it the right key?"
            raise InvalidInput(f"more than {MAX_DUPLICATES:,} keys are repeated", where=chosen.source.name, do=do)
    chosen.duplicates = duplicates


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
