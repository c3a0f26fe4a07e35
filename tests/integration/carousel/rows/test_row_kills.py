"""The process that copies rows is killed at any batch: no row is lost or doubled, and the run says what it lacks."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from sqlalchemy import func

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.carousel.enqueuing import row_copy
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from botticelli.settings import Settings
from botticelli.telemetry import failpoints
from botticelli.telemetry.failpoints import ROW_POINTS, RowPoint
from tests.support.narratives import loaded, perform_all, run_of, sweep
from tests.support.waiting import wait_until

TEXT = '[carousel]\nkey = "id"\nconcurrency = 3\n[acts]\na = "{row.id}"\n'
ROWS = [{"id": f"r{number}"} for number in range(10)]
BATCH_ROWS = 4


def _enqueue(runtime: Runtime) -> str:
    request = EnqueueRequest(run_id="rows", rows=RowOptions(ListSource(ROWS, "rows")))
    return enqueue(runtime, loaded(TEXT), "test.toml", request).run.id


def _enqueue_elsewhere(settings: Settings, points: Path) -> None:
    failpoints._folder = str(points)
    _enqueue(Runtime(settings))


@pytest.mark.parametrize(("point", "ready"), [("rows_stored", 0), ("rows_copied", 8)])
def test_run_of_a_killed_copier_fails_and_the_same_request_completes_it(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: RowPoint, ready: int
) -> None:
    assert point in ROW_POINTS
    monkeypatch.setattr(row_copy, "BATCH_ROWS", BATCH_ROWS)
    (tmp_path / point).touch()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_enqueue_elsewhere, args=(runtime.settings, tmp_path), daemon=True)
    process.start()
    wait_until((tmp_path / f"{point}.reached").exists, f"the copier to reach {point}")
    process.kill()
    process.join(60)
    process.close()
    if ready:
        assert run_of(runtime, "rows").admissible == ready
        with runtime.store.transaction() as tx:
            tx.runs.set("rows", rows_lease_until=func.now(), due_at=func.now())
        sweep(runtime)
        failed = perform_all(runtime, "rows")
        assert (failed.status, failed.succeeded) == ("failed", ready)
        assert f"{ready} of 10 iterations have their rows" in str(failed.reason)
    _enqueue(runtime)
    ended = perform_all(runtime, "rows")
    assert (ended.status, ended.succeeded) == ("completed", 10)
    with runtime.store.transaction() as tx:
        prompts = [row.prompt for row in tx.acts.of_numbers("rows", range(1, 11))]
        requests = tx.ledger.totals("rows")["requests"]
    assert prompts == [row["id"] for row in ROWS] and requests == 10
