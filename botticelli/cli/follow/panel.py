"""The live panel of a run on a terminal. The only module that imports rich; reads nothing itself."""

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
from botticelli.cli.base.formatting import duration, gauge, iterations, money, number, one_line, safe, short
from botticelli.cli.base.layout import wrapped
from botticelli.cli.follow.budget_bars import gauge_lines
from botticelli.cli.follow.summary import next_steps, summary
from botticelli.cli.follow.view import Picture
from botticelli.monitoring.watch import Event
from botticelli.store import Run

BAR_CHARACTERS = 30
CAUSE_CHARACTERS = 100
PROGRESS, USED, NEAR_LIMIT, HELD, FREE = "cyan", "green", "red", "yellow", "dim"
NEAR = 0.9
"""A window of which so much is used or held is near its limit."""
WIDEST = 120
ECHO_CHARACTERS = 5
"""Room beside the panel for the `^C` that a terminal shows: a line that it breaks could not be drawn over again."""
COLOURS = {"running": "cyan", "waiting": "yellow", "paused": "yellow", "completed": "green", "queued": "cyan"}
OFFLINE = "the echo driver answers: no model is called"


class PanelView:
    """Redrawn at each picture; gone when the run has ended, with the summary in its place."""

    is_live = True

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._last: Event | None = None

    def event(self, event: Event) -> None:
        if event.event == "iteration_finished" and (event.data["output"] or event.data["error"]):
            self._last = event
        if event.event == "text":
            self._last = Event(
                "text", event.run_id, {**event.data, "error": None, "output": event.data["text"][-WIDEST:]}
            )

    def picture(self, picture: Picture) -> None:
        self._live.start()
        width = min(WIDEST, self._console.width - ECHO_CHARACTERS)
        self._live.update(render(picture, self._last, width), refresh=True)

    def note(self, text: str) -> None:
        with suppress(OSError):  # a terminal that is gone needs no notes
            self._print(f"botticelli: {safe(text)}")

    def end(self, run: Run) -> None:
        self.close()
        for line in (*summary(run), *next_steps(run)):
            self._print(line)

    def close(self) -> None:
        self._live.stop()

    def _print(self, line: str) -> None:
        """As text, never as markup; long ids and paths are not broken, so that they can be copied."""
        self._console.print(Text(line), soft_wrap=True)


def render(picture: Picture, last: Event | None, width: int) -> Panel:
    """The whole panel for one moment. Lines that are too long are wrapped: waits and figures are never cut."""
    inner = width - 4
    lines = [*_figures(picture), *_failures(picture), *_state(picture), *_output(picture, last, inner)]
    body = _coloured("\n".join(piece for line in lines for piece in wrapped(line, inner)))
    title = Text(f"{safe(picture.run.narrative)} · run {short(picture.run.id)}")
    title.truncate(max(1, width - 6), overflow="ellipsis")
    colour = COLOURS.get(picture.run.status, "red")
    return Panel(body, title=title, title_align="left", border_style=colour, width=width)


def _coloured(text: str) -> Text:
    """Bars by their meaning: used, held, free; what is used in another colour near the limit. The first bar is progress."""
    body = Text(text)
    for place, bar in enumerate(re.finditer("[█▒░]+", text)):
        claimed = 1 - bar[0].count("░") / len(bar[0])
        used = PROGRESS if place == 0 else NEAR_LIMIT if claimed >= NEAR else USED
        for part in re.finditer("█+|▒+|░+", bar[0]):
            style = {"█": used, "▒": HELD, "░": FREE}[part[0][0]]
            body.stylize(style, bar.start() + part.start(), bar.start() + part.end())
    return body


def _figures(picture: Picture) -> list[str]:
    run, result = picture.run, result_of(picture.run)
    bar = gauge(result.iterations_attempted, picture.performing, run.iterations, BAR_CHARACTERS)
    rate = f"  {picture.per_minute:.1f} iterations/min" if picture.per_minute is not None else ""
    eta = f"  ETA {duration(picture.eta_seconds)}" if picture.eta_seconds is not None else ""
    lines = [
        f"{bar}  {number(result.iterations_attempted)} of {iterations(run.iterations)}",
        f"succeeded {number(run.succeeded)}  failed {number(run.failed)}  performing {picture.performing}"
        f"  elapsed {duration(result.duration_seconds)}{rate}{eta}",
        f"tokens {number(run.input_tokens)} in, {number(run.output_tokens)} out  cost {money(run.cost_usd)}{_projected(run)}",
    ]
    if run.max_tokens_total is not None:
        cap = run.max_tokens_total
        lines.append(
            f"this run's cap {gauge(run.used_tokens, 0, cap)} {number(run.used_tokens)} of {number(cap)} tokens"
        )
    return [*lines, *gauge_lines(picture.usage)]


def _projected(run: Run) -> str:
    """What the whole run will have cost if the rest is like what is done."""
    attempted = run.succeeded + run.failed
    if not attempted or attempted >= run.iterations or run.cost_usd is None:
        return ""
    return f", about {money(run.cost_usd / attempted * run.iterations)} in all"


def _failures(picture: Picture) -> list[str]:
    """The causes of failures with their numbers, the most frequent first."""
    return [f"failed {number(count)} x: {one_line(error, CAUSE_CHARACTERS)}" for error, count in picture.failures]


def _state(picture: Picture) -> list[str]:
    run = picture.run
    line = outcome_text(run) if run.status == "completed" else run.status
    if run.status in ("waiting", "paused") and run.reason and run.reason != run.status:
        line += f": {safe(run.reason)}"
    if run.status == "waiting" and run.due_at is not None:
        left = max(timedelta(0), run.due_at - run.now).total_seconds()
        line += f", until {run.due_at.astimezone():%H:%M:%S} (in {duration(left)})"
    return [f"{line}  ·  {picture.workers}" if picture.workers else line]


def _output(picture: Picture, last: Event | None, width: int) -> list[str]:
    """The newest output in at most two lines, and whether a model was asked for it."""
    lines = []
    if last is not None:
        told = last.data["error"] or last.data["output"]
        text = one_line(f"#{last.data['number']} {told}", 2 * width)
        lines += [text[start : start + width] for start in range(0, len(text), width)]
    if picture.models and all(model.startswith("echo/") for model in picture.models):
        lines.append(OFFLINE)
    return lines
