"""Fits tables and lines to the terminal: wraps columns or leaves minor ones out, and never cuts a cell."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any
from unicodedata import combining, east_asian_width

from botticelli.cli.base.formatting import safe

NARROWEST = 60
LEAST_CELL = 8
"""Minimum width of a wrapped column; its head may be wider."""
GAP = 2


def line_width() -> int | None:
    """Return the width of the terminal, or COLUMNS; None for a pipe, where lines are not wrapped."""
    if not os.environ.get("COLUMNS", "").isdecimal() and not sys.stdout.isatty():
        return None
    return max(NARROWEST, shutil.get_terminal_size().columns)


def cells(text: str) -> int:
    """Count the terminal columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    drops: Sequence[str] = (),
    wraps: Sequence[str] = (),
    width: int | None = None,
) -> list[str]:
    """Return lines of columns, those named in `right` aligned right.

    When they don't fit, columns in `wraps` are wrapped, then columns in `drops` are left out in their order. When that is
    not enough, each cell stands on a line of its own, after its head.
    """
    width = width or line_width()
    names, lines = [*head], [[*map(safe, row)] for row in rows]
    waiting = list(drops)
    while True:
        widths = _widths(names, lines, wraps, width)
        if widths is not None:
            return _laid_out(names, lines, widths, right)
        if not waiting:
            return _stacked(names, lines, width or NARROWEST)
        names, lines = _without(names, lines, waiting.pop(0))


def wrapped(line: str, width: int | None = None) -> list[str]:
    """Wrap a line to the width, later lines indented; ids and paths are not broken."""
    width = width or line_width()
    if width is None or cells(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return _in_cells(line, width, subsequent_indent=f"{indent}  ", break_long_words=False) or [line]


def _in_cells(text: str, width: int, **how: Any) -> list[str]:
    """Wrap like `textwrap.wrap`, but count terminal columns, since some characters take two."""
    pieces: list[str] = []
    for letters in range(width, max(1, width // 2) - 1, -1):
        pieces = textwrap.wrap(text, letters, break_on_hyphens=False, **how)
        if all(cells(piece) <= width for piece in pieces):
            break
    return pieces


def _widths(names: list[str], lines: list[list[str]], wraps: Sequence[str], width: int | None) -> list[int] | None:
    """Return the width of each column; None when they don't fit."""
    widths = [max(map(cells, column)) for column in zip(names, *lines, strict=True)]
    over = 0 if width is None else sum(widths) + GAP * (len(widths) - 1) - width
    soft = [place for place, name in enumerate(names) if name in wraps]
    while over > 0:
        widest = max(soft, key=lambda place: widths[place], default=None)
        if widest is None or widths[widest] <= max(LEAST_CELL, cells(names[widest])):
            return None
        widths[widest] -= 1
        over -= 1
    return widths


def _laid_out(names: list[str], lines: list[list[str]], widths: list[int], right: Sequence[str]) -> list[str]:
    result = []
    for line in (names, *lines):
        parts = [_folded(cell, width) for cell, width in zip(line, widths, strict=True)]
        for row in zip_longest(*parts, fillvalue=""):
            padded = [_padded(cell, w, name in right) for cell, w, name in zip(row, widths, names, strict=True)]
            result.append((" " * GAP).join(padded).rstrip())
    return result


def _folded(cell: str, width: int) -> list[str]:
    """Wrap a cell to lines; a word wider than the column is broken, not cut."""
    if cells(cell) <= width:
        return [cell]
    return _in_cells(cell, max(1, width)) or [""]


def _padded(cell: str, width: int, to_the_right: bool) -> str:
    space = " " * (width - cells(cell))
    return space + cell if to_the_right else cell + space


def _without(names: list[str], lines: list[list[str]], name: str) -> tuple[list[str], list[list[str]]]:
    if name not in names:
        return names, lines
    place = names.index(name)
    return names[:place] + names[place + 1 :], [line[:place] + line[place + 1 :] for line in lines]


def _stacked(names: list[str], lines: list[list[str]], width: int) -> list[str]:
    result = []
    for line in lines:
        pairs = list(zip(names, line, strict=True))
        result.append(f"{pairs[0][0]} {pairs[0][1]}".strip())
        for name, cell in pairs[1:]:
            first, *others = _folded(f"{name.strip()} {cell}".rstrip(), width - GAP)
            result += [f"  {first}", *(f"  {other}" for other in others)]
    return result
