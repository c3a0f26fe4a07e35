"""Counts the trips of an iteration to Postgres and to the Budget: docs/benchmarks.md has them in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from botticelli.budget.redis.checked_connections import Connections
from botticelli.runtime.process import Runtime
from botticelli.store.schema import statements
from tests.support.narratives import narrative_text, run_of, start
from workers.executor.iteration import perform

ACTS = ("one", "two", "three")


@contextmanager
def counted(runtime: Runtime) -> Iterator[Counter[str]]:
    """Count the trips of a block: prepared statements, those that SQLAlchemy sends, and calls of the Budget."""
    trips = Counter[str]()
    run, run_all = statements._run, Connections.run_all

    def trip(*arguments: Any) -> None:
        trips["postgres"] += 1
        run(*arguments)

    def call(*arguments: Any) -> list[Any]:
        trips["budget"] += 1
        return run_all(*arguments)

    def other(*_: Any) -> None:
        trips["other"] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statements, "_run", trip)
        patch.setattr(Connections, "run_all", call)
        for name in ("begin", "before_cursor_execute"):
            event.listen(runtime.store.engine, name, other)
        try:
            yield trips
        finally:
            for name in ("begin", "before_cursor_execute"):
                event.remove(runtime.store.engine, name, other)


@pytest.mark.parametrize(
    ("acts", "options", "expected"),
    [
        pytest.param(1, {}, {"postgres": 4, "budget": 3}, id="one act"),
        pytest.param(3, {}, {"postgres": 8, "budget": 9}, id="three acts"),
        pytest.param(1, {"max_tokens_total": 100_000}, {"postgres": 5, "budget": 4}, id="one act of a run with a cap"),
    ],
)
def test_iteration_takes_one_trip_for_each_step(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, acts: int, options: dict[str, Any], expected: dict[str, int]
) -> None:
    """Claim; draw and confirmation, ledger row, settle and act row of each act; end, settle with the next ticket, rows."""
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 3600.0)
    lines = "\n".join(f'{name} = "Say hello"' for name in ACTS[:acts])
    run = start(runtime, narrative_text(3, lines, concurrency=1, **options))
    perform(runtime, run.id, 1)
    with counted(runtime) as trips:
        perform(runtime, run.id, 2)
    assert run_of(runtime, run.id).succeeded == 2
    assert trips == expected


def test_run_is_stored_with_its_first_admission_in_one_trip_for_each_step(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past usage; then the run, the admission with what became of the run, and the commit. SQLAlchemy sends none of them."""
    monkeypatch.setattr("botticelli.runtime.scopes.FRESH_OVERRIDES_SECONDS", 3600.0)
    start(runtime, narrative_text(1))
    with counted(runtime) as trips:
        run = start(runtime, narrative_text(1))
    assert run_of(runtime, run.id).dispatched == 1
    assert trips == {"postgres": 4, "budget": 1}
