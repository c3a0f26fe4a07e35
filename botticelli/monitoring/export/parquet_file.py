"""Writes a table as Parquet, with the types that its values have. pyarrow is imported where it is needed: it is an extra."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.monitoring.export.table_files import Values, csv_cell, json_value
from botticelli.rows.parquet_rows import EXTRA

BATCH_ROWS = 1000
MAX_INT64 = 2**63 - 1


def write_parquet(path: Path, names: Sequence[str], read: Callable[[], Iterable[Values]]) -> int:
    """Write all rows and return their number. `read` is called twice: for the types of the columns, and to write them.

    A column of whole numbers is int64, of numbers double, of times a timestamp in UTC, of texts a string; lists of texts
    are lists; objects, and columns whose values differ, are JSON texts. InvalidInput when pyarrow is not installed.
    """
    require_pyarrow()
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds = _kinds(len(names), read())
    types = {
        "bool": pyarrow.bool_(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "texts": pyarrow.list_(pyarrow.string()),
    }
    schema = pyarrow.schema(
        [(name, types.get(kind, pyarrow.string())) for name, kind in zip(names, kinds, strict=True)]
    )
    count = 0
    with ParquetWriter(path, schema) as writer:
        for batch in _batches(read()):
            columns = [[_as_kind(row[position], kind) for row in batch] for position, kind in enumerate(kinds)]
            writer.write_table(pyarrow.table(columns, schema=schema))
            count += len(batch)
    return count


def require_pyarrow() -> None:
    """Raise InvalidInput when pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise InvalidInput("Parquet files need pyarrow", where="--format", do=f"install it: {EXTRA}") from None


def _kinds(width: int, rows: Iterable[Values]) -> list[str]:
    """Return the kind of each column: the one that all of its values have, else `text`."""
    kinds: list[str | None] = [None] * width
    for row in rows:
        for position, value in enumerate(row):
            if value is not None:
                kinds[position] = _merged(kinds[position], _kind(value))
    return [kind or "text" for kind in kinds]


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int" if abs(value) <= MAX_INT64 else "text"
        case float() | Decimal():
            return "float"
        case datetime():
            return "time"
        case list() if all(isinstance(element, str) for element in value):
            return "texts"
        case _:
            return "text"


def _merged(before: str | None, kind: str) -> str:
    if before is None or before == kind:
        return kind
    return "float" if {before, kind} == {"int", "float"} else "text"


def _as_kind(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else csv_cell(value)
    return float(value) if kind == "float" else value if kind == "time" else json_value(value)


def _batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
