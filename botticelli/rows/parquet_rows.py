"""Reads rows of Parquet files, in batches. pyarrow is imported where it is needed: it is an extra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from botticelli.errors import InvalidInput
from botticelli.rows.jsonl_rows import row_of
from botticelli.rows.row import BadRow, Row
from botticelli.telemetry.plain_values import json_value

BATCH_ROWS = 1000
EXTRA = 'pip install "botticelli[parquet]"'


def parquet_columns(file: BinaryIO, source: str) -> tuple[str, ...]:
    """Return the names of the columns of a Parquet file. InvalidInput."""
    return tuple(_opened(file, source).schema_arrow.names)


def read_parquet(file: BinaryIO, source: str) -> Iterator[Row | BadRow]:
    """Yield the rows of a Parquet file; their lines are their positions, counted from 1. InvalidInput."""
    line = 0
    for batch in _opened(file, source).iter_batches(batch_size=BATCH_ROWS):
        for values in batch.to_pylist():
            line += 1
            yield row_of(line, {name: json_value(value, lambda other: other) for name, value in values.items()})


def _opened(file: BinaryIO, source: str) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise InvalidInput("Parquet files need pyarrow", where=source, do=f"install it: {EXTRA}") from None
    file.seek(0)
    try:
        return ParquetFile(file)
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InvalidInput(f"is not a Parquet file: {reason}", where=source, do="write it again") from None
