"""Tests how far a run with rows says it is: its pace, its end, its cost and why rows failed."""

from __future__ import annotations

import json

from click.testing import CliRunner

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.cli.runs.run_details import Details
from botticelli.monitoring.progress import read_progress
from botticelli.rows.lists import ListSource
from botticelli.runtime.process import Runtime
from tests.support.narratives import loaded, perform_open

TEXT = """
[narrative]
name = "progress"
[narrative.carousel]
key = "id"
concurrency = 3
continue_on_error = true
[acts]
draft = "{row.text}"
gate = { prompt = "Repeat {act.draft.output}", checks = { must_not_match = "bad" } }
"""


def test_open_run_says_its_rows_pace_end_and_causes_of_failures(runtime: Runtime) -> None:
    rows = [{"id": number, "text": "bad" if number == 1 else "good"} for number in range(6)]
    request = EnqueueRequest(rows=RowOptions(ListSource(rows, "rows")))
    run = enqueue(runtime, loaded(TEXT), "test.toml", request).run
    assert read_progress(runtime, run.id).per_minute is None
    perform_open(runtime, run.id)
    progress = read_progress(runtime, run.id)
    assert (progress.done, progress.total, progress.unit, progress.failed, progress.copied) == (3, 6, "rows", 1, 6)
    assert progress.per_minute and progress.eta_seconds and progress.failure_causes == 1
    assert "must not" in progress.failures[0][0] and progress.failures[0][1] == 1
    shown = _printed(runtime, run.id, as_json=False)
    assert "  progress   3 of 6 rows (50%), " in shown and "  failed     1 x: act gate" in shown
    assert json.loads(_printed(runtime, run.id, as_json=True))["progress"]["done"] == 3


def test_progress_is_read_without_redis(runtime: Runtime, monkeypatch) -> None:
    from redis.exceptions import ConnectionError as Gone

    def usage(scope: object) -> None:
        raise Gone("away")

    rows = [{"id": number, "text": "good"} for number in range(6)]
    run = enqueue(runtime, loaded(TEXT), "t", EnqueueRequest(rows=RowOptions(ListSource(rows, "rows")))).run
    perform_open(runtime, run.id)
    monkeypatch.setattr(runtime.budget, "usage", usage)
    assert (read_progress(runtime, run.id).done, read_progress(runtime, run.id).binding) == (3, None)


def _printed(runtime: Runtime, run_id: str, *, as_json: bool) -> str:
    import click

    details = Details(runtime, run_id, None)

    def show() -> None:
        details.print_json() if as_json else details.print_text(acts=False, show_all=True)

    return CliRunner().invoke(click.Command("show", callback=show)).output
