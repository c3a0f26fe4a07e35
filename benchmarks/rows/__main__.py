"""Measures rows per second, checked, copied and answered, against plain programs: `python -m benchmarks.rows [--json]`.

The plain programs do the same work with nothing around it: csv.reader over the file, one COPY of the same rows in one
transaction, and bare Celery with a task for each row. All are measured in turns, on the same embedded servers.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.carousel import CONCURRENCY, ROUNDS, bare_rate, worker
from botticelli.carousel import EnqueueRequest, cancel, enqueue, prune, result_of
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.client import Client
from botticelli.narrative import parse_narrative
from botticelli.rows.files import open_rows
from botticelli.rows.row import Row
from botticelli.rows.row_choice import choose_rows
from botticelli.rows.row_set import Choice
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

NARRATIVE = f"""
[narrative]
name = "bench"
[narrative.carousel]
key = "email"
concurrency = {CONCURRENCY}
[acts]
only = "Say hello to {{row.name}}"
"""
COLUMNS = ("email", "name", "topic")
TABLE = """
create unlogged table if not exists bench_items
    (run_id text, number bigint, key text not null, line bigint not null, row json not null, primary key (run_id, number));
create index if not exists ix_bench_items on bench_items (key, run_id);
alter table bench_items set logged;
truncate bench_items
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are checked and copied (default 100,000)")
    parser.add_argument("--answers", type=int, default=1000, help="rows that are answered (default 1,000)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        figures = measure(Path(folder), options.rows, options.answers)
    print(json.dumps(figures) if options.json else table(figures))


def measure(home: Path, rows: int, answers: int) -> dict[str, dict[str, float]]:
    """Measure each path and its baseline in turns; return the best rates of both, and their ratio."""
    environ = {"BOTTICELLI_HOME": str(home), "BOTTICELLI_DEFAULT_MODEL": "echo/echo"}
    runtime = Runtime(load_settings(environ=environ, cwd=home))
    many, few = _file(home / "many.csv", rows), _file(home / "few.csv", answers)
    paths: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        "checked": (lambda: rows / _seconds(lambda: _check(many)), lambda: rows / _seconds(lambda: _read(many))),
        "copied": (lambda: rows / _seconds(lambda: _copy(runtime, many)), lambda: rows / _plain_copy(runtime, many)),
        "answered": (lambda: _answer(runtime, home, few, answers), lambda: bare_rate(runtime, home, answers)),
    }
    try:
        figures = {}
        for name, (own, baseline) in paths.items():
            rates = [(own(), baseline()) for _ in range(ROUNDS)]
            best, plain = (max(values) for values in zip(*rates, strict=True))
            figures[name] = {"per_second": round(best), "baseline": round(plain), "ratio": round(best / plain, 3)}
        return figures
    finally:
        runtime.close()


def _file(path: Path, rows: int) -> Path:
    lines = (f"person{number}@example.org,Person {number},subject {number % 97} of many\n" for number in range(rows))
    path.write_text(",".join(COLUMNS) + "\n" + "".join(lines), encoding="utf-8")
    return path


class _NoJudge:
    """Judges rows of an act that reads only columns which every row has."""

    def __call__(self, row: Row, text: str) -> None:
        return None

    measure = __call__

    def due(self, lengths: Any) -> tuple[int, ...]:
        return ()

    def begin(self) -> None:
        return None


def _check(path: Path) -> None:
    source = open_rows(path)
    choose_rows(source, Choice(key=("email",)), _NoJudge())
    source.close()


def _read(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass


def _enqueue(runtime: Runtime, path: Path) -> str:
    request = EnqueueRequest(rows=RowOptions(open_rows(path)))
    return enqueue(runtime, parse_narrative(NARRATIVE, source="bench", folder=None), "bench", request).run.id


def _copy(runtime: Runtime, path: Path) -> None:
    """Check, store and admit a run of the rows, which nobody performs."""
    cancel(runtime, _enqueue(runtime, path))


def _plain_copy(runtime: Runtime, path: Path) -> float:
    """Return the seconds of a plain program: it reads the file, makes JSON of each row, and sends one COPY."""
    with runtime.store.engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file, runtime.store.engine.begin() as connection:
        text = io.StringIO()
        for number, row in enumerate(csv.DictReader(file), 1):
            text.write(f"bench\t{number}\t{row['email']}\t{number + 1}\t{json.dumps(row)}\n")
        text.seek(0)
        with connection.connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.copy_expert("copy bench_items from stdin", text)
    return time.perf_counter() - began


def _answer(runtime: Runtime, home: Path, path: Path, rows: int) -> float:
    """Return the rows per second from the first admission to the end of the run."""
    with worker("botticelli", home, runtime), Client(runtime.settings) as client:
        run_id = _enqueue(runtime, path)
        client.wait(run_id, timeout_seconds=600)
    with runtime.store.transaction() as tx:
        run = tx.runs.get(run_id)
    assert run.succeeded == rows
    prune(runtime, run.now)
    return rows / result_of(run).duration_seconds


def _seconds(action: Callable[[], None]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


BASELINES = {"checked": "csv.reader alone", "copied": "csv, json, one COPY", "answered": "bare Celery tasks"}


def table(figures: dict[str, dict[str, float]]) -> str:
    rows = ["| rows | per second | baseline | per second | ratio |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {name} | {rate['per_second']:,} | {BASELINES[name]} | {rate['baseline']:,} | **{rate['ratio']:.2f}** |"
        for name, rate in figures.items()
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
