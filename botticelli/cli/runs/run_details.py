"""Prints `botticelli runs list` and `runs show`: tables for people, or one line of JSON, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

import click

from botticelli.carousel import result_of
from botticelli.carousel.result import outcome_text
from botticelli.cli.base.formatting import duration, moment, money, number, one_line, safe, short
from botticelli.cli.base.json_output import as_json, plain
from botticelli.cli.base.layout import table, wrapped
from botticelli.cli.follow.progress_lines import failure_lines, progress_line
from botticelli.cli.follow.summary import summary, usage_text
from botticelli.errors import NotFound
from botticelli.monitoring.progress import Progress, read_progress
from botticelli.monitoring.run_summary import run_summary
from botticelli.pricing import STANDARD
from botticelli.runtime.process import Runtime
from botticelli.store import REJECTED, ActRow, Iteration, Run, RunAction


class Layout(TypedDict):
    """Keyword arguments of `table`."""

    right: Sequence[str]
    drops: Sequence[str]
    wraps: Sequence[str]


PAGE = 1000
ENDS = 20
"""Number of iterations shown from each end of a long run."""
ERROR_CHARACTERS = 60
RUN_HEAD = ("run", "narrative", "status", "iterations", "tokens", "cost", "created")
ITERATION_HEAD = ("iteration", "status", "attempt", "worker", "started", "took", "error")
ACT_HEAD = ("  act", "turn", "status", "model", "in", "out", "cost", "tries", "took", "in call", "reason")
ITERATION_LAYOUT: Layout = {
    "right": ITERATION_HEAD[:1],
    "drops": ("worker", "started"),
    "wraps": ("worker", "error"),
}
ACT_LAYOUT: Layout = {
    "right": ("in", "out", "cost", "tries", "took", "in call"),
    "drops": ("in call", "reason", "turn", "tries"),
    "wraps": ("  act", "model"),
}
Page = list[tuple[Iteration, list[ActRow]]]


def run_table(runs: Sequence[Run]) -> list[str]:
    rows = [
        (
            short(run.id),
            run.narrative,
            _status(run),
            f"{number(run.succeeded + run.failed)}/{number(run.iterations)}",
            number(run.used_tokens),
            money(run.cost_usd),
            moment(run.created_at),
        )
        for run in runs
    ]
    return table(RUN_HEAD, rows, right=("iterations", "tokens", "cost"), drops=("created",), wraps=("narrative",))


def _status(run: Run) -> str:
    """Return the status, with the remaining wait of a waiting run."""
    if run.status != "waiting" or run.due_at is None:
        return outcome_text(run) if run.status == "completed" else run.status
    return f"waiting {duration((run.due_at - run.now).total_seconds())}"


class Details:
    """Reads and prints one run, or one iteration of it, page by page. NotFound for a missing iteration."""

    def __init__(self, runtime: Runtime, run_id: str, iteration: int | None) -> None:
        store = self._store = runtime.store
        self._only = iteration
        self._progress = read_progress(runtime, run_id)
        summary_ = run_summary(store, run_id)
        self._run, self._options, self._actions = summary_.run, summary_.options, summary_.actions
        self._for_review, self._services, self._ledger = summary_.for_review, summary_.services, summary_.ledger
        with store.transaction() as tx:
            if iteration is not None and not self._numbered(tx.iterations.of_run(run_id, after=iteration - 1, limit=1)):
                raise NotFound(
                    f"run {run_id} has no iteration {iteration}", do=f"it has started {self._run.dispatched:,} so far"
                )

    def print_json(self) -> None:
        """Print the run with `iterations`, each with `acts`, as one line of JSON, page by page."""
        head = {"run": self._run, "result": result_of(self._run), "options": self._options, "ledger": self._ledger}
        head |= {"progress": self._progress}
        head |= {"services": self._services, "actions": self._actions, "for_review": self._for_review}
        click.echo(as_json(head)[:-1] + ', "iterations": [', nl=False)
        separator = ""
        for page in self._pages(after=0):
            for iteration, acts in page:
                click.echo(separator + as_json({**plain(iteration), "acts": acts}), nl=False)
                separator = ", "
        click.echo("]}")

    def print_text(self, *, acts: bool, show_all: bool) -> None:
        click.echo("\n".join(piece for line in self._head() for piece in wrapped(line)))
        if self._only is None and not show_all and self._run.dispatched > 2 * ENDS:
            first, last = self._page(0, ENDS), self._page(self._run.dispatched - ENDS, ENDS)
            self._print_page(first, acts)
            click.echo(f"... {number(self._run.dispatched - 2 * ENDS)} more; --all shows them")
            self._print_page(last, acts)
            return
        for page in self._pages(after=0):
            self._print_page(page, acts)

    def _head(self) -> list[str]:
        run, ledger = self._run, self._ledger
        requests, unknown = number(ledger["requests"]), number(ledger["unknown_requests"])
        return [
            f"run {safe(run.id)}",
            f"  narrative  {safe(run.narrative)} ({safe(run.source)})",
            f"  created    {moment(run.created_at)}, started {moment(run.started_at)}, ended {moment(run.finished_at)}",
            f"  requests   {requests}, of which {unknown} have an unknown outcome",
            *(
                [f"  review     {number(self._for_review)} wait for it: no gate accepted them"]
                if self._for_review
                else []
            ),
            *_doubtful_line(ledger["doubtful_requests"]),
            *_services_line(self._services),
            *_repairs_line(ledger["repairs"]),
            *([f"  forked     from {safe(run.forked_from)}, iteration {run.forked_at}"] if run.forked_from else []),
            *_option_lines(self._options),
            *([f"  tags       {safe(', '.join(run.tags))}"] if run.tags else []),
            *summary(run),
            *_progress_lines(self._progress, run),
            *(f"  {action_line(action)}" for action in self._actions),
            "",
        ]

    def _print_page(self, page: Page, acts: bool) -> None:
        if not acts:
            click.echo(
                "\n".join(
                    table(ITERATION_HEAD, [_iteration_row(iteration) for iteration, _ in page], **ITERATION_LAYOUT)
                )
            )
            return
        for iteration, rows in page:
            click.echo("\n".join(_act_lines(iteration, rows)))

    def _pages(self, after: int) -> Iterator[Page]:
        if self._only is not None:
            yield self._page(self._only - 1, 1)
            return
        while page := self._page(after, PAGE):
            yield page
            after = page[-1][0].number

    def _page(self, after: int, limit: int) -> Page:
        with self._store.transaction() as tx:
            iterations = tx.iterations.of_run(self._run.id, after=after, limit=limit)
            if not iterations:
                return []
            acts = tx.acts.of_iterations(self._run.id, iterations[0].number, iterations[-1].number, rejected=True)
        of_number: dict[int, list[ActRow]] = {iteration.number: [] for iteration in iterations}
        for act in acts:
            of_number[act.number].append(act)
        return [(iteration, of_number[iteration.number]) for iteration in iterations]

    def _numbered(self, rows: Sequence[Iteration]) -> bool:
        return [iteration.number for iteration in rows] == [self._only]


def _progress_lines(progress: Progress, run: Run) -> list[str]:
    """Return how far an open run is, and why iterations of any run failed."""
    lines = [] if run.is_final else [f"  progress   {progress_line(progress)}"]
    return lines + [f"  {line.replace('failed', 'failed    ', 1)}" for line in failure_lines(progress)]


def _doubtful_line(requests: int) -> list[str]:
    if not requests:
        return []
    return [f"  usage      estimated for {number(requests)} requests: the provider's count can't be true"]


def _services_line(services: Mapping[str, int]) -> list[str]:
    """Return the answers by service tier, unless all are of the standard one."""
    if not services.keys() - {STANDARD}:
        return []
    counts = ", ".join(f"{number(count)} {safe(name)}" for name, count in services.items())
    return [f"  answered   by service tier: {counts}"]


def _repairs_line(repairs: int) -> list[str]:
    if not repairs:
        return []
    answers = (
        "1 typed answer that did not fit its"
        if repairs == 1
        else f"{number(repairs)} typed answers that did not fit their"
    )
    return [f"  repairs    {answers} schema: asked for once more"]


def _option_lines(options: Mapping[str, Any]) -> list[str]:
    tiers = ", ".join(f"{provider}={tier}" for provider, tier in options["tiers"].items())
    multipliers = ", ".join(f"{name.removesuffix('_multiplier')} {x:g}" for name, x in options["multipliers"].items())
    named = {
        "tiers": tiers,
        "tenant": options["tenant"],
        "model": options["model"],
        "service": options["service_tier"] and f"tier {options['service_tier']}",
        "uses": multipliers and f"of the limits: {multipliers}",
    }
    return [f"  {name:<10} {safe(text)}" for name, text in named.items() if text]


def action_line(action: RunAction) -> str:
    """Return a line like `pause now  by alice@home at 2026-01-31 12:00:00: too loud`."""
    reason = f": {safe(action.reason)}" if action.reason else ""
    return f"{action.action:<10} by {safe(action.actor)} at {moment(action.at)}{reason}"


def _took(began: datetime | None, ended: datetime | None) -> str:
    return duration((ended - began).total_seconds()) if began and ended else "-"


def _iteration_row(iteration: Iteration) -> tuple[str, ...]:
    took = _took(iteration.started_at, iteration.finished_at)
    error = one_line(iteration.error, ERROR_CHARACTERS) if iteration.error else ""
    return (
        number(iteration.number),
        iteration.status,
        str(iteration.attempt),
        iteration.worker or "-",
        moment(iteration.started_at),
        took,
        error,
    )


def _act_lines(iteration: Iteration, acts: Sequence[ActRow]) -> list[str]:
    """Return an iteration, the table of its acts, then the prompt and the outputs of each act."""
    lines = table(ITERATION_HEAD, [_iteration_row(iteration)], **ITERATION_LAYOUT)
    if acts:
        lines += table(ACT_HEAD, map(_act_row, acts), **ACT_LAYOUT)
    for act in acts:
        if act.cached_tokens or act.cache_write_tokens or act.reasoning_tokens:
            lines.append(f"  {_label(act)}, tokens: {usage_text(act)}")
        for field in ("prompt", "output", "raw_output", "reasoning", "warning", "error"):
            text = getattr(act, field)
            if text:
                lines += [f"  {_label(act)}, {field}:", *(f"    {line}" for line in _lines(text))]
    return [*lines, ""]


def _label(act: ActRow) -> str:
    return f"{safe(act.name)} {_turn(act)}"


def _turn(act: ActRow) -> str:
    """Return the turn of an act, with the attempt if there were several."""
    return str(act.turn) + (f" attempt {act.attempt}" if act.attempt > 1 or act.status == REJECTED else "")


def _act_row(act: ActRow) -> tuple[str, ...]:
    tokens = number(act.input_tokens), number(act.output_tokens)
    cost = money(act.cost_usd) if act.model else "-"
    times = _took(act.started_at, act.finished_at), _took(act.drawn_at, act.settled_at)
    name, reason = f"  {act.name}", act.finish_reason or "-"
    status = f"{act.status} ({act.verdict})" if act.verdict else act.status
    return (
        name,
        _turn(act),
        status,
        act.model or "-",
        *tokens,
        cost,
        str(act.tries),
        *times,
        reason,
    )


def _lines(text: str) -> list[str]:
    return safe(text.replace("\r\n", "\n"), keep="\n\t").split("\n")
