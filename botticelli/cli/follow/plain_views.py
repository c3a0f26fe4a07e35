"""What a run looks like while it is followed: plain lines, or JSON lines. The panel is in panel.py."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.formatting import duration, is_terminal, iterations, number, one_line, safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.follow.summary import next_steps, summary

if TYPE_CHECKING:
    from botticelli.cli.follow.view import Picture, View
    from botticelli.monitoring.watch import Event
    from botticelli.store import Run

OUTPUT_CHARACTERS = 100


class PlainView:
    """A line for each thing that happens."""

    is_live = False

    def event(self, event: Event) -> None:
        if line := event_line(event):
            click.echo(line)

    def picture(self, picture: Picture) -> None:
        pass

    def note(self, text: str) -> None:
        with suppress(OSError):  # a terminal that is gone needs no notes
            click.echo(f"botticelli: {safe(text)}", err=True)

    def end(self, run: Run) -> None:
        click.echo("\n".join([*summary(run), *next_steps(run)]))

    def close(self) -> None:
        pass


class JsonView(PlainView):
    """JSON lines; the last one is `run_finished`, also for a run that is paused."""

    def __init__(self) -> None:
        self._is_finished = False

    def event(self, event: Event) -> None:
        self._is_finished = event.event == "run_finished"
        print_json(event.as_json())

    def end(self, run: Run) -> None:
        from botticelli.monitoring.watch import Event, finished_data

        if not self._is_finished:
            self.event(Event("run_finished", run.id, finished_data(run)))
        for step in next_steps(run)[1:]:
            self.note(step.strip())


class SilentView(PlainView):
    """For when nobody listens any more."""

    def event(self, event: Event) -> None:
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
    """An event in plain words; None for the end, of which the summary tells."""
    data = event.data
    if event.event == "run_started":
        return f"run {event.run_id}: {safe(data['narrative'])}, {iterations(data['iterations'])}"
    if event.event == "iteration_finished":
        return _iteration_line(data)
    if event.event in ("run_waiting", "run_paused"):
        return _parked_line(event.event.removeprefix("run_"), data)
    return None


def _iteration_line(data: Mapping[str, Any]) -> str:
    line = f"iteration {data['number']} {data['status']}, {number(data['input_tokens'] + data['output_tokens'])} tokens"
    told = data["error"] if data["error"] else data["output"]
    return f"{line}: {one_line(told, OUTPUT_CHARACTERS)}" if told else line


def _parked_line(how: str, data: Mapping[str, Any]) -> str:
    after_seconds = data["retry_after_seconds"]
    until = "" if after_seconds is None else f" (for about {duration(after_seconds)})"
    reason = data["reason"]
    return f"{how}{until}" + (f": {safe(reason)}" if reason and reason != how else "")
