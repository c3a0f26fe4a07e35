"""Finished iterations cost nothing: each operation touches as many blocks of the tables beside 20,000 as beside 1,000."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from benchmarks.scale.finished_data import ITERATIONS_PER_RUN, analyze, copy_run, count
from benchmarks.scale.operations import operations
from botticelli.runtime.process import Runtime
from tests.support.databases.lending import Databases
from tests.support.narratives import narrative_text, perform_all, start

FEW, MANY = 1_000, 20_000
RATIO = 1.5
UNSEEN = {"claim", "enqueue", "estimate"}
"""Operations whose statements pass SQLAlchemy by; `make scale` measures them."""
WORDS = ("select", "with", "update", "insert", "delete", "execute", "--")
SLACK = 30
"""Blocks: an index has a level more, and a page of a list has longer rows."""


def test_operations_touch_no_more_blocks_with_twenty_times_the_rows(
    make_runtime: Callable[..., Runtime], databases: Databases
) -> None:
    few, many = make_runtime(), make_runtime(database__url=databases.create("many", "migrated"), redis__prefix="many")
    for runtime, size in ((few, FEW), (many, MANY)):
        fill(runtime, size)
    blocks = {size: blocks_of(runtime) for runtime, size in ((few, FEW), (many, MANY))}
    assert {name for name, used in blocks[FEW].items() if not used} == UNSEEN
    grown = {name: (blocks[FEW][name], used) for name, used in blocks[MANY].items()}
    assert {name: pair for name, pair in grown.items() if pair[1] > RATIO * pair[0] + SLACK} == {}


def fill(runtime: Runtime, size: int) -> None:
    runs = size // ITERATIONS_PER_RUN
    pattern = start(runtime, narrative_text(ITERATIONS_PER_RUN, name="scale")).id
    perform_all(runtime, pattern)
    with runtime.store.transaction() as tx:
        copy_run(tx.connection, pattern, 1, runs - 1, runs)
        assert count(tx.connection) == size
    with runtime.store.transaction() as tx:
        analyze(tx.connection)


def blocks_of(runtime: Runtime) -> Mapping[str, int]:
    """Return the blocks that the statements of each operation read, as Postgres explains them."""
    used: Counter[str] = Counter()
    for name, operation in operations(runtime).items():
        with explained(runtime.store.engine) as blocks:
            operation()
        used[name] = sum(blocks)
    return used


@contextmanager
def explained(engine: Engine) -> Iterator[list[int]]:
    """Run each statement twice: first explained, and taken back."""
    blocks: list[int] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.split(None, 1)[0].lower().strip("(") not in WORDS:
            return
        with cursor.connection.cursor() as own:
            own.execute("savepoint explained")
            own.execute(f"explain (analyze, buffers, format json) {statement}", parameters)
            (answer,) = own.fetchone()
            plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
            blocks.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
            own.execute("rollback to savepoint explained")

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield blocks
    finally:
        event.remove(engine, "before_cursor_execute", explain)
