"""Finds the rows of a run: those that its caller gives, or those that its narrative names; and checks all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botticelli.carousel.checks.row_checks import RowJudge, require_no_rows
from botticelli.carousel.plan.estimates import first_estimates
from botticelli.carousel.plan.planned_calls import carousel_of, plan_iteration, without_prices
from botticelli.carousel.plan.table_sizes import table_sizes
from botticelli.errors import InvalidInput
from botticelli.narrative import Loaded
from botticelli.narrative.execution import ForEach
from botticelli.narrative.model import Narrative
from botticelli.narrative.parts.carousels import open_file
from botticelli.narrative.source.source_text import Unreadable
from botticelli.narrative.source.suggest import did_you_mean, shown
from botticelli.rows.lists import ListSource
from botticelli.rows.row import RowSource
from botticelli.rows.row_set import Choice, RowSet, choose_rows
from botticelli.runtime.process import Runtime


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Options of the rows of a run. `source` replaces the rows that the narrative names, `key` its key."""

    source: RowSource | None = None
    key: tuple[str, ...] = ()
    skip_bad: bool = False
    limit: int | None = None
    sample: int | None = None
    seed: int = 0


@dataclass(slots=True)
class RunRows:
    """The checked rows of a run, `batch` of them in each iteration."""

    chosen: RowSet
    judge: RowJudge
    batch: int

    def iterations(self, most: int) -> int:
        """Return how many iterations the rows make, at most `most`."""
        return min(most, -(-self.chosen.count // self.batch))

    def count(self, most: int) -> int:
        """Return how many rows so many iterations perform."""
        return min(self.chosen.count, self.iterations(most) * self.batch)


def rows_of(runtime: Runtime, loaded: Loaded, narrative: Narrative, options: RowOptions) -> RunRows | None:
    """Read and check the rows of a run; None for a run without rows. InvalidInput for the first that is wrong."""
    source = options.source or _named(loaded, narrative)
    if source is None:
        require_no_rows(narrative)
        return None
    try:
        return _checked(runtime, narrative, source, options)
    except BaseException:
        source.close()
        raise


def measured_rows(runtime: Runtime, loaded: Loaded, narrative: Narrative, options: RowOptions) -> RunRows | None:
    """Return the rows as `rows_of` does, for a forecast: they are counted and measured, and can't be read again."""
    rows = rows_of(runtime, loaded, narrative, options)
    if rows is not None:
        rows.chosen.close()
    return rows


def _checked(runtime: Runtime, narrative: Narrative, source: RowSource, options: RowOptions) -> RunRows:
    carousel = carousel_of(narrative)
    batch = carousel.batch_rows or 1
    plan = without_prices(plan_iteration(runtime, narrative, first_estimates(narrative)))
    judge = RowJudge(narrative, plan, batch)
    judge.check_columns(source.columns, source.name)
    key = options.key or carousel.key
    _check_key(key, source)
    choice = Choice(key, options.skip_bad, options.limit, options.sample, options.seed)
    return RunRows(choose_rows(source, choice, judge), judge, batch)


def _check_key(key: Sequence[str], source: RowSource) -> None:
    columns = source.columns
    for column in key:
        if columns is not None and column not in columns:
            do = did_you_mean(column, columns, otherwise="the columns are")
            raise InvalidInput(f"has no column {shown(column)}, which is its key", where=source.name, do=do)


def _named(loaded: Loaded, narrative: Narrative) -> RowSource | None:
    """Open the rows that the narrative names; None when it names none."""
    foreach = narrative.carousel.foreach if narrative.carousel else None
    if foreach is None:
        return None
    return _file(loaded, foreach) if foreach.file is not None else ListSource(foreach.rows, "foreach")


def _file(loaded: Loaded, foreach: ForEach) -> RowSource:
    try:
        return open_file(foreach, loaded.folders)
    except Unreadable as error:
        do = "put it beside the narrative, or give rows with --rows FILE"
        raise InvalidInput(str(error), where=str(foreach.file), do=do) from None


def tokens_brought(runtime: Runtime, narrative: Narrative, rows: RunRows | None) -> dict[int, int | None]:
    """Return the tokens that tables and rows bring into the prompt of each act; None where they can't be known before."""
    brought = table_sizes(runtime, narrative)
    for position, tokens in tokens_of_rows(runtime, rows).items():
        known = brought.get(position, 0)
        brought[position] = None if known is None else known + tokens
    return brought


def tokens_of_rows(runtime: Runtime, rows: RunRows | None) -> dict[int, int]:
    """Return the tokens that the rows of an iteration bring into the prompt of each act: a quantile of real rows."""
    return rows.judge.brought(runtime.settings.budget.estimate_quantile) if rows else {}


def without_rows(narrative: Narrative) -> Narrative:
    """Return the narrative without the rows that are written in it: a run has them in rows of its own."""
    carousel = narrative.carousel
    if carousel is None or carousel.foreach is None or not carousel.foreach.rows:
        return narrative
    foreach = carousel.foreach.model_copy(update={"rows": ()})
    return narrative.model_copy(update={"carousel": carousel.model_copy(update={"foreach": foreach})})
