"""Counts the tokens that table rows add to prompts, through the read-only role. Stores no row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from botticelli.carousel.plan.table_queries import query_of
from botticelli.drivers.interface.token_estimate import estimate_tokens
from botticelli.errors import BotticelliError
from botticelli.narrative.model import Act, Narrative, TableInput
from botticelli.narrative.table_text import format_rows, jsonable
from botticelli.runtime.process import Runtime
from botticelli.store.user_data.user_tables import Tables

TableSizes = Mapping[int, int | None]
"""Tokens of table rows by position of the act; None if they are only known when it is performed."""


class _OnlyLater(BotticelliError):
    """A value that is only known when the act is performed."""


def table_sizes(runtime: Runtime, narrative: Narrative) -> dict[int, int | None]:
    """Estimate the rows of all acts that read tables. Call it outside a transaction: it uses a connection of its own."""
    acts = {position: _tables(act) for position, act in enumerate(narrative.acts)}
    return {position: _tokens(runtime, tables) for position, tables in acts.items() if tables}


def add_tables(brought: TableSizes, tables: TableSizes) -> dict[int, int | None]:
    """Return the tokens that tables bring together with those of `brought`; None where either is unknown."""
    both = dict(brought)
    for position, tokens in tables.items():
        known = both.get(position, 0)
        both[position] = None if known is None or tokens is None else known + tokens
    return both


def _tables(act: Act) -> list[TableInput]:
    return [input_ for input_ in act.inputs if isinstance(input_, TableInput)]


def _tokens(runtime: Runtime, inputs: list[TableInput]) -> int | None:
    try:
        return sum(_tokens_of(runtime, input_) for input_ in inputs)
    except (BotticelliError, SQLAlchemyError):
        return None


def _tokens_of(runtime: Runtime, input_: TableInput) -> int:
    settings = runtime.settings.tables
    query = query_of(input_, _later)
    with runtime.store.reading(settings.timeout_seconds) as connection:
        rows = Tables(connection, allow=settings.allow, write=settings.write).read(query)
    return estimate_tokens(format_rows(input_, jsonable(rows)))


def _later(reference: Any) -> Any:
    raise _OnlyLater(f"{reference.text} is known when the act is performed")
