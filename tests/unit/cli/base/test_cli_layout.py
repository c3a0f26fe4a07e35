"""Listings and the panel at every width from 60 columns: what matters is whole, and no line is too long."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from botticelli.cli.base.layout import cells, line_width, table, wrapped
from botticelli.cli.budget.budget_audit import HEAD as AUDIT_HEAD
from botticelli.cli.follow.panel import HELD, NEAR_LIMIT, USED, render
from botticelli.cli.follow.view import RunSnapshot
from botticelli.cli.runs.run_details import run_table
from botticelli.monitoring.progress import progress_of
from botticelli.store import Pace
from tests.unit.cli.follow.test_cli_views import NOW, RUN, USAGE

WIDTHS = pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
WAITING = dataclasses.replace(
    RUN,
    narrative="a_narrative_with_a_very_long_name_" * 2,
    status="waiting",
    reason="tokens/60s of gemini/gemini-3.8-flash@tier1: 12,345 requested, 249,000 of 250,000 used, more in a while",
    iterations=1_000_000,
    succeeded=123_456,
    due_at=NOW + timedelta(seconds=3725),
)


@WIDTHS
def test_runs_fit_and_keep_ids_statuses_waits_and_numbers(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run_table([WAITING, RUN])
    assert max(map(cells, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for needed in (RUN.id[:8], "running", "waiting 1 h 02 min", "123,457/1,000,000", "4,600", "$0.0123"):
        assert needed in text
    joined = "".join("".join(lines).split())
    assert "digest" in text and "a_narrative" in joined


@WIDTHS
def test_audit_fits_and_keeps_verdicts_and_numbers(width):
    row = (
        "openai-compatible/a-model-of-a-long-name@default",
        "tokens/86400s",
        "1,234,567",
        "249,999,999",
        "250,000,000",
    )
    row += ("0.999", "2026-01-02 03:04:05.678+00:00", "2026-01-02 03:05:05.678+00:00", "excess, paid back")
    lines = table(AUDIT_HEAD, [row], drops=("from", "to", "charges"), wraps=("scope", "verdict"), width=width)
    assert max(map(cells, lines)) <= width
    for needed in ("249,999,999", "250,000,000", "0.999", "tokens/86400s"):
        assert any(needed in line for line in lines)


@WIDTHS
@pytest.mark.parametrize("value", ["word " * 30, "x" * 300, "\u6f22\u5b57" * 60, "", "a\u0301" * 40])
def test_wrapped_cells_lose_nothing(width, value):
    lines = table(
        ("key", "value", "updated"),
        [("narrative.digest.topic", value, "2026-01-02")],
        drops=("updated",),
        wraps=("key", "value"),
        width=width,
    )
    assert max(map(cells, lines)) <= width
    shown = "".join("".join(lines).split())
    assert shown.count(value.strip()[:1]) >= value.count(value.strip()[:1])
    assert "narrative.digest.topic" in "".join("".join(lines[1:]).split()) or "narrative" in shown


def test_table_that_no_column_can_leave_is_stacked():
    lines = table(("id", "status"), [("x" * 50, "y" * 40)], width=60)
    assert lines == ["id " + "x" * 50, "  status " + "y" * 40]


def test_pipe_gets_lines_as_long_as_they_are(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert line_width() is None
    assert table(("a",), [("x" * 500,)], wraps=("a",)) == ["a", "x" * 500]


@WIDTHS
def test_lines_wrap_between_words_and_break_no_path(width):
    line = f"  fail   {'word ' * 30} /a/very/long/path/{'x' * 30}; botticelli runs resume {RUN.id}"
    lines = wrapped(line, width)
    assert max(map(cells, lines)) <= width
    assert any(RUN.id in piece for piece in lines)
    assert any("/a/very/long/path/" + "x" * 30 in piece for piece in lines)


def drawn(picture: RunSnapshot, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(render(picture, None, width))
    text = console.file.getvalue()
    assert max(map(cells, text.splitlines())) <= width
    return " ".join(line.strip("\u2502 ") for line in text.splitlines())


@WIDTHS
def test_panel_keeps_waits_causes_rates_and_costs_whole(width):
    failures = (("Error code: 503, the model is overloaded; try again later", 7),)
    run = dataclasses.replace(WAITING, cost_usd=Decimal("12.5"), failed=7)
    progress = dataclasses.replace(
        progress_of(run, 3, Pace()), per_minute=12.34, eta_seconds=86_400.0, failures=failures, failure_causes=1
    )
    text = " ".join(drawn(RunSnapshot(run, 3, (USAGE,), (), "2 workers", progress), width).split())
    for needed in (
        "(in 1 h 02 min)",
        "12.3 iterations/min",
        "ETA 1 d 00 h",
        "$12.5000",
        "in all",
        "failed 7 x: Error code: 503",
    ):
        assert needed in text
    for needed in ("123,463 of 1,000,000 iterations", "2 workers", "12 + 3 held of 30", "frees up in 42 s"):
        assert needed in text


@pytest.mark.parametrize(("used", "style"), [(12, USED), (26, NEAR_LIMIT)])
def test_bars_are_coloured_by_their_meaning(used, style):
    window = dataclasses.replace(USAGE.windows[0], used=used)
    body = render(RunSnapshot(RUN, 1, (dataclasses.replace(USAGE, windows=(window,)),)), None, 100).renderable
    styles = {span.style for span in body.spans if span.start > body.plain.index("requests")}
    assert {style, HELD} <= styles
