"""Formats the summary of a finished or paused run, and the commands to go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botticelli.cli.base.formatting import duration, iterations, money, number, safe

if TYPE_CHECKING:
    from botticelli.pricing import TokenCounts
    from botticelli.store import Run

START_A_WORKER = "start a worker: celery -A botticelli worker"


def summary(run: Run) -> list[str]:
    """Return lines like `completed: 5 of 5 iterations in 3.2 s`, with failures, tokens and cost."""
    from botticelli.carousel.result import outcome_text, result_of

    result = result_of(run)
    done = done_text(run)
    lines = [f"{outcome_text(run)}: {done} in {duration(result.duration_seconds)}"]
    if run.reason and run.reason != run.status:
        lines.append(f"  reason     {safe(run.reason)}")
    lines += [
        f"  succeeded  {number(run.succeeded)}, failed {number(run.failed)}",
        f"  tokens     {usage_text(run)}",
        f"  cost       {money(run.cost_usd)}",
    ]
    return lines


def done_text(run: Run) -> str:
    """Return a text like `5 of 7 iterations`, of a run with rows `5 of 7 rows`."""
    attempted = number(run.succeeded + run.failed)
    if run.rows is None or run.rows != run.iterations:
        rows = "" if run.rows is None else f" ({number(run.rows)} rows)"
        return f"{attempted} of {iterations(run.iterations)}{rows}"
    return f"{attempted} of {number(run.rows)} row{'' if run.rows == 1 else 's'}"


def usage_text(usage: TokenCounts) -> str:
    """Return a text like `1,000 in (200 cached, 100 written to a cache), 300 out (50 reasoning)`."""
    read = [f"{number(usage.cached_tokens)} cached"]
    if usage.cache_write_tokens:
        long = usage.cache_write_long_tokens
        read.append(
            f"{number(usage.cache_write_tokens)} written to a cache" + (f", {number(long)} for longer" if long else "")
        )
    reasoning = f" ({number(usage.reasoning_tokens)} reasoning)" if usage.reasoning_tokens else ""
    return f"{number(usage.input_tokens)} in ({', '.join(read)}), {number(usage.output_tokens)} out{reasoning}"


def next_steps(run: Run) -> list[str]:
    """Return lines with the commands that make sense next."""
    lines = [f"  details    botticelli runs show {run.id}"]
    if run.status == "completed" and run.failed:
        lines.append(f"  retry      botticelli runs retry {run.id}")
    elif run.status != "completed":
        lines.append(f"  resume     {resume_command(run)}")
    return lines


def resume_command(run: Run) -> str:
    return f"botticelli runs resume {run.id} --follow"
