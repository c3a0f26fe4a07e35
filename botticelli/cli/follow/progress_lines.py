"""Formats the progress of a run: what is done and how fast, the window that binds, the causes of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.cli.base.formatting import duration, money, number, one_line, safe

if TYPE_CHECKING:
    from botticelli.monitoring.progress import Progress

CAUSE_CHARACTERS = 100


def progress_line(progress: Progress) -> str:
    """Return one line: `1,204 of 10,000 rows (12%), 58.9 a minute, about 2 h 29 min left, cost $0.12 of about $1.00`."""
    share = progress.done / progress.total if progress.total else 1.0
    parts = [f"{number(progress.done)} of {number(progress.total)} {progress.unit} ({share:.0%})"]
    if progress.copied is not None and progress.copied < progress.total:
        parts.append(f"{number(progress.copied)} copied")
    if progress.per_minute is not None:
        parts.append(f"{progress.per_minute:,.1f} a minute")
    if progress.eta_seconds is not None:
        parts.append(f"about {duration(progress.eta_seconds)} left")
    if progress.projected_cost_usd is not None:
        parts.append(f"cost {money(progress.cost_usd)} of about {money(progress.projected_cost_usd)}")
    if progress.failed:
        parts.append(f"{number(progress.failed)} failed")
    return ", ".join([*parts, *binding_lines(progress)])


def binding_lines(progress: Progress | None) -> list[str]:
    """Name the window that sets the pace of the run, if one does."""
    window = progress.binding if progress else None
    return [f"binding: {window.window} of {safe(window.scope)}, {window.share:.0%} claimed"] if window else []


def failure_lines(progress: Progress | None) -> list[str]:
    """Return the causes of failures with their counts, most frequent first."""
    if progress is None:
        return []
    lines = [f"failed {number(count)} x: {one_line(error, CAUSE_CHARACTERS)}" for error, count in progress.failures]
    more = progress.failure_causes - len(progress.failures)
    return [*lines, *([f"failed for {number(more)} more reasons"] if more > 0 else [])]
