"""Draws the live panel of a run on a terminal. The only module that imports rich."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from botticelli.carousel import result_of
from botticelli.carousel.result import outcome_text
from botticelli.cli.base.formatting import duration, gauge, money, number, one_line, safe, short
from botticelli.cli.base.layout import wrapped
from botticelli.cli.follow.budget_bars import gauge_lines
from botticelli.cli.follow.progress_lines import binding_lines, failure_lines
from botticelli.cli.follow.summary import done_text, next_steps, summary
from botticelli.cli.follow.view import RunSnapshot
from botticelli.monitoring.progress import NEAR_LIMIT as NEAR
from botticelli.monitoring.progress import Progress
from botticelli.monitoring.watch import Event
from botticelli.store import Run

BAR_CHARACTERS = 30
PROGRESS, USED, NEAR_LIMIT, HELD, FREE = "cyan", "green", "red", "yellow", "dim"
MAX_WIDTH = 120
ECHO_CHARACTERS = 5
"""Space beside the panel for the `^C` that a terminal prints; a line it wraps could not be redrawn."""
COLOURS = {"running": "cyan", "waiting": "yellow", "paused": "yellow", "completed": "green", "queued": "cyan"}
OFFLINE = "the echo driver answers: no model is called"


class PanelView:
    """Redraws a panel at each update; replaces it by the summary when the run has ended."""

    update_seconds = 0.0

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._last: Event | None = None

    def event(self, event: Event) -> None:
        if event.event == "iteration_finished" and (event.data["output"] or event.data["error"]):
            self._last = event
        if event.event == "text":
            self._last = Event(
                "text", event.run_id, {**event.data, "error": None, "output": event.data["text"][-MAX_WIDTH:]}
            )

    def update(self, snapshot: RunSnapshot) -> None:
        self._live.start()
        width = min(MAX_WIDTH, self._console.width - ECHO_CHARACTERS)
        self._live.update(render(snapshot, self._last, width), refresh=True)

    def note(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            self._print(f"botticelli: {safe(text)}")

    def end(self, run: Run) -> None:
        self.close()
        for line in (*summary(run), *next_steps(run)):
            self._print(line)

    def close(self) -> None:
        self._live.stop()

    def _print(self, line: str) -> None:
        """Print as text, never as markup, and without wrapping, so that ids and paths can be copied."""
        self._console.print(Text(line), soft_wrap=True)


def render(snapshot: RunSnapshot, last: Event | None, width: int) -> Panel:
    """Render the panel for a snapshot; long lines are wrapped, never cut."""
    inner = width - 4
    lines = [*_figures(snapshot), *failure_lines(snapshot.progress), *_state(snapshot), *_output(snapshot, last, inner)]
    body = _coloured("\n".join(piece for line in lines for piece in wrapped(line, inner)))
    title = Text(f"{safe(snapshot.run.narrative)} · run {short(snapshot.run.id)}")
    title.truncate(max(1, width - 6), overflow="ellipsis")
    colour = COLOURS.get(snapshot.run.status, "red")
    return Panel(body, title=title, title_align="left", border_style=colour, width=width)


def _coloured(text: str) -> Text:
    """Colour the bars: used, held and free, with another colour near the limit; the first bar is progress."""
    body = Text(text)
    for place, bar in enumerate(re.finditer("[█▒░]+", text)):
        claimed = 1 - bar[0].count("░") / len(bar[0])
        used = PROGRESS if place == 0 else NEAR_LIMIT if claimed >= NEAR else USED
        for part in re.finditer("█+|▒+|░+", bar[0]):
            style = {"█": used, "▒": HELD, "░": FREE}[part[0][0]]
            body.stylize(style, bar.start() + part.start(), bar.start() + part.end())
    return body


def _figures(snapshot: RunSnapshot) -> list[str]:
    run, result = snapshot.run, result_of(snapshot.run)
    bar = gauge(result.iterations_attempted, snapshot.performing, run.iterations, BAR_CHARACTERS)
    progress = snapshot.progress
    rate = f"  {progress.per_minute:,.1f} {progress.unit}/min" if progress and progress.per_minute is not None else ""
    eta = f"  ETA {duration(progress.eta_seconds)}" if progress and progress.eta_seconds is not None else ""
    lines = [
        f"{bar}  {done_text(run)}{_copied(run)}",
        f"succeeded {number(run.succeeded)}  failed {number(run.failed)}  performing {snapshot.performing}"
        f"  elapsed {duration(result.duration_seconds)}{rate}{eta}",
        f"tokens {number(run.input_tokens)} in, {number(run.output_tokens)} out"
        f"  cost {money(run.cost_usd)}{_projected(progress)}",
    ]
    if run.max_tokens_total is not None:
        cap = run.max_tokens_total
        lines.append(
            f"this run's cap {gauge(run.used_tokens, 0, cap)} {number(run.used_tokens)} of {number(cap)} tokens"
        )
    return [*lines, *gauge_lines(snapshot.usage), *binding_lines(progress)]


def _copied(run: Run) -> str:
    """Say how far the rows are copied, while they are."""
    if not run.lacks_rows:
        return ""
    return f", {number(run.admissible)} of {number(run.iterations)} copied"


def _projected(progress: Progress | None) -> str:
    """Say what the whole run may cost, by the iterations done so far."""
    cost_usd = progress.projected_cost_usd if progress else None
    return "" if cost_usd is None else f", about {money(cost_usd)} in all"


def _state(snapshot: RunSnapshot) -> list[str]:
    run = snapshot.run
    line = outcome_text(run) if run.status == "completed" else run.status
    if run.status in ("waiting", "paused") and run.reason and run.reason != run.status:
        line += f": {safe(run.reason)}"
    if run.status == "waiting" and run.due_at is not None:
        left = max(timedelta(0), run.due_at - run.now).total_seconds()
        line += f", until {run.due_at.astimezone():%H:%M:%S} (in {duration(left)})"
    return [f"{line}  ·  {snapshot.workers}" if snapshot.workers else line]


def _output(snapshot: RunSnapshot, last: Event | None, width: int) -> list[str]:
    """Format the newest output in at most two lines, and a note when only the echo driver answers."""
    lines = []
    if last is not None:
        detail = last.data["error"] or last.data["output"]
        text = one_line(f"#{last.data['number']} {detail}", 2 * width)
        lines += [text[start : start + width] for start in range(0, len(text), width)]
    if snapshot.models and all(model.startswith("echo/") for model in snapshot.models):
        lines.append(OFFLINE)
    return lines
