"""Shows a followed run as plain lines or JSON lines; the panel is in panel.py."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.formatting import duration, is_terminal, iterations, number, one_line, safe
from botticelli.cli.base.json_output import plain, print_json
from botticelli.cli.follow.progress_lines import failure_lines, progress_line
from botticelli.cli.follow.summary import next_steps, summary

if TYPE_CHECKING:
    from botticelli.cli.follow.view import RunSnapshot, View
    from botticelli.monitoring.watch import Event
    from botticelli.store import Run

OUTPUT_CHARACTERS = 100
PROGRESS_SECONDS = 30.0
"""How often the progress is printed."""


class PlainView:
    """Prints a line for each event."""

    update_seconds = PROGRESS_SECONDS

    def event(self, event: Event) -> None:
        if line := event_line(event):
            click.echo(line)

    def update(self, snapshot: RunSnapshot) -> None:
        if snapshot.progress is not None and not snapshot.run.is_final:
            click.echo("\n".join([progress_line(snapshot.progress), *failure_lines(snapshot.progress)]))

    def note(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            click.echo(f"botticelli: {safe(text)}", err=True)

    def end(self, run: Run) -> None:
        click.echo("\n".join([*summary(run), *next_steps(run)]))

    def close(self) -> None:
        pass


class JsonView(PlainView):
    """Prints events as JSON lines; the last one is `run_finished`, also for a paused run."""

    def __init__(self) -> None:
        self._is_finished = False

    def event(self, event: Event) -> None:
        self._is_finished = event.event == "run_finished"
        print_json(event.as_json())

    def update(self, snapshot: RunSnapshot) -> None:
        from botticelli.monitoring.watch import Event

        if snapshot.progress is not None and not snapshot.run.is_final:
            self.event(Event("progress", snapshot.run.id, plain(snapshot.progress)))

    def end(self, run: Run) -> None:
        from botticelli.monitoring.watch import Event, result_data

        if not self._is_finished:
            self.event(Event("run_finished", run.id, result_data(run)))
        for step in next_steps(run)[1:]:
            self.note(step.strip())


class SilentView(PlainView):
    """Prints nothing; replaces a view whose terminal or pipe is gone."""

    def event(self, event: Event) -> None:
        pass

    def update(self, snapshot: RunSnapshot) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def end(self, run: Run) -> None:
        pass


def view_for(*, as_json: bool) -> View:
    if as_json:
        return JsonView()
    if is_terminal():
        from botticelli.cli.follow.panel import PanelView

        return PanelView()
    return PlainView()


def event_line(event: Event) -> str | None:
    """Format an event as a line; None for events that are not shown, such as the end."""
    data = event.data
    if event.event == "run_started":
        return f"run {event.run_id}: {safe(data['narrative'])}, {iterations(data['iterations'])}"
    if event.event == "iteration_finished":
        return _iteration_line(data)
    if event.event == "answer_rejected":
        place = f"iteration {data['number']}, act {safe(data['act'])}, attempt {data['attempt']}"
        return f"{place} rejected: {one_line(data['error'] or '', OUTPUT_CHARACTERS)}"
    if event.event in ("run_waiting", "run_paused"):
        return _parked_line(event.event.removeprefix("run_"), data)
    return None


def _iteration_line(data: Mapping[str, Any]) -> str:
    line = f"iteration {data['number']} {data['status']}, {number(data['input_tokens'] + data['output_tokens'])} tokens"
    detail = data["error"] or data["output"]
    return f"{line}: {one_line(detail, OUTPUT_CHARACTERS)}" if detail else line


def _parked_line(status: str, data: Mapping[str, Any]) -> str:
    after_seconds = data["retry_after_seconds"]
    until = "" if after_seconds is None else f" (for about {duration(after_seconds)})"
    reason = data["reason"]
    return f"{status}{until}" + (f": {safe(reason)}" if reason and reason != status else "")
