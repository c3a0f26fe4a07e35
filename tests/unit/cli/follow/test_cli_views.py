"""Views of a run while it is followed and when it has ended: plain lines, JSON lines, the panel."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from botticelli.budget import Amounts, ScopeUsage, Window, WindowUsage
from botticelli.carousel.result import exit_code
from botticelli.cli.follow.panel import PanelView, render
from botticelli.cli.follow.plain_views import JsonView, PlainView, event_line
from botticelli.cli.follow.summary import next_steps, summary
from botticelli.cli.follow.view import RunSnapshot
from botticelli.cli.runs.run_details import run_table
from botticelli.monitoring.progress import progress_of
from botticelli.monitoring.watch import Event, RunUpdate
from botticelli.store import Pace, Run

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "0f0e0d0c-1111-2222-3333-444455556666"
EVIL = "\x1b[2J\x1b]0;evil\x07 [bold]text[/bold]"
RUN = Run(
    id=ID,
    narrative="digest",
    source="digest.toml",
    request_sha256="",
    status="running",
    ending=None,
    reason=None,
    iterations=10,
    concurrency=2,
    continue_on_error=False,
    on_budget_exhausted="wait",
    max_wait_seconds=None,
    max_tokens_total=9000,
    max_cost_usd=None,
    estimated_cost_usd=None,
    estimated_tokens=1000,
    retries=2,
    rehearse=False,
    dispatched=5,
    succeeded=3,
    failed=1,
    input_tokens=1200,
    cached_tokens=200,
    cache_write_tokens=150,
    cache_write_long_tokens=50,
    output_tokens=3400,
    reasoning_tokens=0,
    cost_usd=Decimal("0.0123"),
    due_at=None,
    waiting_since=None,
    created_at=NOW - timedelta(seconds=70),
    started_at=NOW - timedelta(seconds=65),
    finished_at=None,
    now=NOW,
)
USAGE = ScopeUsage(
    "echo/echo@small",
    (WindowUsage(Window("requests", 30, 60), 12, 3, 42_000),),
    Amounts(3, 3000),
    1,
    blocked_for_ms=5000,
)
PROGRESS = replace(progress_of(RUN, 2, Pace()), eta_seconds=90.0)
FINISHED = Event(
    "iteration_finished",
    ID,
    {"number": 4, "status": "succeeded", "error": None, "input_tokens": 10, "output_tokens": 20, "output": EVIL},
)


def drawn(picture: RunSnapshot, last: Event | None = FINISHED, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width + 10, force_terminal=True, color_system=None)
    console.print(render(picture, last, width))
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("status", "code"),
    [("completed", 0), ("failed", 1), ("budget_exhausted", 3), ("cancelled", 4), ("paused", 4), ("running", 4)],
)
def test_exit_codes(status, code):
    assert exit_code(replace(RUN, status=status, failed=0)) == code


def test_exit_code_of_a_completed_run_with_failures_is_its_own():
    assert exit_code(replace(RUN, status="completed")) == 5


def test_the_panel_shows_all_that_matters():
    text = drawn(RunSnapshot(RUN, 2, (USAGE,), ("echo/echo",), "worker 17", PROGRESS))
    for part in (
        "digest · run 0f0e0d0c",
        "4 of 10 iterations",
        "succeeded 3  failed 1  performing 2  elapsed 1 min 05 s  ETA 1 min 30 s",
        "tokens 1,200 in, 3,400 out  cost $0.0123",
        "4,600 of 9,000 tokens",
        "echo/echo@small  closed by the provider for another 5.0 s",
        "requests/60s     ████████▒▒░░░░░░░░░░ 12 + 3 held of 30, frees up in 42 s",
        "running  ·  worker 17",
        "no model is called",
    ):
        assert part in text


def test_the_panel_obeys_no_output():
    text = drawn(RunSnapshot(RUN, 0))
    assert "#4 \\x1b[2J\\x1b]0;evil\\x07 [bold]text[/bold]" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_panel_keeps_within_its_width(width):
    lines = drawn(RunSnapshot(RUN, 2, (USAGE,), ("echo/echo",), "worker 17", PROGRESS), width=width).splitlines()
    assert {len(line) for line in lines} == {width}


def test_a_waiting_run_says_for_what_and_until_when():
    waiting = replace(RUN, status="waiting", reason="2 requested, 30 of 30 used", due_at=NOW + timedelta(seconds=30))
    text = drawn(RunSnapshot(waiting, 0))
    assert "waiting: 2 requested, 30 of 30 used, until " in text
    assert "(in 30 s)" in text


def test_an_unknown_cost_is_said():
    assert "cost unknown" in drawn(RunSnapshot(replace(RUN, cost_usd=None), 0))


def test_only_offline_answers_are_said_to_be_offline():
    assert "no model is called" not in drawn(RunSnapshot(RUN, 0, models=("echo/echo", "other/model")), None)


def test_the_panel_ends_as_a_summary():
    console = Console(file=io.StringIO(), width=60, force_terminal=False)
    view = PanelView(console)
    view.note("one [red]note[/red]")
    view.end(replace(RUN, status="completed", finished_at=NOW))
    view.close()
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "botticelli: one [red]note[/red]"
    assert lines[1] == "completed with failures: 4 of 10 iterations in 1 min 05 s"
    assert f"  details    botticelli runs show {ID}" in lines


def test_the_summary_has_the_reason_and_says_when_failures_were_tolerated():
    failed = summary(replace(RUN, status="failed", reason=f"iteration 4: {EVIL}"))
    assert any("iteration 4: \\x1b[2J" in line for line in failed)
    assert summary(replace(RUN, status="completed"))[0].startswith("completed with failures: ")
    assert summary(replace(RUN, status="completed", failed=0))[0].startswith("completed: ")
    assert any(f"runs retry {ID}" in line for line in next_steps(replace(RUN, status="completed")))
    assert not any("retry" in line for line in next_steps(replace(RUN, status="completed", failed=0)))


@pytest.mark.parametrize("status", ["failed", "budget_exhausted", "cancelled", "paused"])
def test_panel_of_a_resumable_run_shows_the_command(status):
    assert any(f"botticelli runs resume {ID}" in line for line in next_steps(replace(RUN, status=status)))


def test_a_complete_run_offers_no_resume():
    assert not any("resume" in line for line in next_steps(replace(RUN, status="completed")))


@pytest.mark.parametrize(
    ("event", "data", "line"),
    [
        ("run_started", {"narrative": "digest", "iterations": 1}, f"run {ID}: digest, 1 iteration"),
        (
            "iteration_finished",
            FINISHED.data,
            "iteration 4 succeeded, 30 tokens: \\x1b[2J\\x1b]0;evil\\x07 [bold]text[/bold]",
        ),
        (
            "run_waiting",
            {"reason": "30 of 30 used", "retry_after_seconds": 12.0},
            "waiting (for about 12 s): 30 of 30 used",
        ),
        ("run_paused", {"reason": "paused", "retry_after_seconds": None}, "paused"),
        ("run_finished", {}, None),
    ],
)
def test_plain_lines(event, data, line):
    assert event_line(Event(event, ID, data)) == line


def test_plain_notes_go_to_stderr(capsys):
    PlainView().note("a \x1b[1mnote")
    assert capsys.readouterr() == ("", "botticelli: a \\x1b[1mnote\n")


def json_lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_last_json_line_is_the_result_also_of_a_paused_run(capsys):
    view = JsonView()
    view.event(FINISHED)
    view.end(replace(RUN, status="paused"))
    first, last = json_lines(capsys)
    assert first["output"] == EVIL
    assert last["event"] == "run_finished"
    assert {name: last[name] for name in ("run_id", "status", "completed", "budget_exhausted")} == {
        "run_id": ID,
        "status": "paused",
        "completed": False,
        "budget_exhausted": False,
    }
    assert (last["iterations_attempted"], last["successful_iterations"], last["failed_iterations"]) == (4, 3, 1)
    assert (last["input_tokens"], last["output_tokens"], last["cost_usd"]) == (1200, 3400, 0.0123)
    assert last["duration_seconds"] == 65.0


def test_the_result_is_said_once(capsys):
    view = JsonView()
    view.event(Event("run_finished", ID, {"status": "completed"}))
    view.end(replace(RUN, status="completed"))
    assert len(json_lines(capsys)) == 1


@pytest.mark.parametrize(
    ("status", "performing", "at_rest"),
    [("running", 0, False), ("waiting", 0, False), ("paused", 1, False), ("paused", 0, True), ("failed", 0, True)],
)
def test_a_run_is_at_rest_when_nothing_more_will_come(status, performing, at_rest):
    assert RunUpdate([], replace(RUN, status=status), performing).at_rest is at_rest


def test_a_run_that_nobody_has_accepted_is_not_at_rest():
    assert not RunUpdate([]).at_rest


def test_the_list_of_runs_is_a_table():
    head, line = run_table([RUN])
    assert head.split() == ["run", "narrative", "status", "iterations", "tokens", "cost", "created"]
    assert line.split()[:6] == ["0f0e0d0c", "digest", "running", "4/10", "4,600", "$0.0123"]


def test_summary_names_cache_writes_and_reasoning_only_where_there_are_any():
    thinking = replace(RUN, input_tokens=1200, output_tokens=3400, reasoning_tokens=900)
    line = "  tokens     1,200 in (200 cached, 150 written to a cache, 50 for longer), 3,400 out (900 reasoning)"
    assert line in summary(thinking)
    plain = replace(thinking, cache_write_tokens=0, cache_write_long_tokens=0, reasoning_tokens=0)
    assert "  tokens     1,200 in (200 cached), 3,400 out" in summary(plain)


ROWS_RUN = replace(RUN, iterations=100, rows=1000, iterations_ready=60, succeeded=20, failed=5, cost_usd=Decimal("0.5"))
FULL = ScopeUsage("openai/gpt@t", (WindowUsage(Window("requests", 30, 60), 25, 4, 1), *USAGE.windows), Amounts(0, 0), 0)


def test_progress_counts_rows_their_pace_end_cost_and_the_window_that_binds():
    progress = progress_of(ROWS_RUN, 2, Pace(25, 50.0, is_whole=False), (USAGE, FULL), batch=10)
    assert (progress.done, progress.total, progress.unit, progress.failed, progress.copied) == (
        250,
        1000,
        "rows",
        50,
        600,
    )
    assert (progress.per_minute, progress.eta_seconds) == (300.0, 150.0)
    assert progress.projected_cost_usd == Decimal("2.0")
    assert (progress.binding.scope, progress.binding.window) == ("openai/gpt@t", "requests/60s")


def test_progress_of_few_iterations_is_measured_from_the_start_of_the_run():
    assert progress_of(ROWS_RUN, 2, Pace(25, 1.0), batch=10).per_minute == pytest.approx(250 / 65 * 60)
    assert progress_of(ROWS_RUN, 2, Pace()).per_minute is None


def test_end_of_a_waiting_run_counts_its_wait():
    waiting = replace(ROWS_RUN, status="waiting", due_at=NOW + timedelta(seconds=60))
    assert progress_of(waiting, 0, Pace(25, 50.0, is_whole=False)).eta_seconds == 210.0
    for status in ("paused", "completed"):
        assert progress_of(replace(waiting, status=status), 0, Pace(25, 50.0)).eta_seconds is None


def test_progress_is_a_line_for_people_and_an_event_for_programs(capsys):
    progress = progress_of(ROWS_RUN, 2, Pace(25, 50.0, is_whole=False), (FULL,), batch=10)
    progress = replace(progress, failures=(("timeout", 4), (EVIL, 1)), failure_causes=3)
    snapshot = RunSnapshot(ROWS_RUN, 2, progress=progress)
    PlainView().update(snapshot)
    first, *causes = capsys.readouterr().out.splitlines()
    assert first == (
        "250 of 1,000 rows (25%), 600 copied, 300.0 a minute, about 2 min 30 s left, cost $0.5000 of about $2.0000, "
        "50 failed, binding: requests/60s of openai/gpt@t, 97% claimed"
    )
    assert causes[0] == "failed 4 x: timeout" and causes[-1] == "failed for 1 more reasons" and "\x1b" not in causes[1]
    JsonView().update(snapshot)
    (event,) = json_lines(capsys)
    assert (event["event"], event["done"], event["binding"]["window"]) == ("progress", 250, "requests/60s")
    assert event["failures"][0] == ["timeout", 4]
