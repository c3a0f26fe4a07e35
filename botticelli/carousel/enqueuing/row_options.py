"""Finds the rows of a run: those that its caller gives, or those that its narrative names; and checks all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from botticelli.carousel.checks.row_checks import RowJudge, require_no_rows
from botticelli.carousel.enqueuing.row_sources import named_rows
from botticelli.carousel.plan.estimates import first_estimates
from botticelli.carousel.plan.planned_calls import carousel_of, plan_iteration, without_prices
from botticelli.errors import InvalidInput
from botticelli.narrative import Loaded
from botticelli.narrative.model import Narrative
from botticelli.narrative.source.problems import did_you_mean, shown
from botticelli.rows.row import RowSource
from botticelli.rows.row_choice import choose_rows
from botticelli.rows.row_set import Choice, RowSet
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands

OPTIONS = ("key", "skip_bad", "only_new", "limit", "sample")


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Options of the rows of a run. `source` replaces the rows that the narrative names, `key` its key.

    `only_new` leaves out rows that have succeeded in an earlier run of the narrative, by their keys.
    """

    source: RowSource | None = None
    key: tuple[str, ...] = ()
    skip_bad: bool = False
    only_new: bool = False
    limit: int | None = None
    sample: int | None = None
    seed: int = 0


class RowRequest(Protocol):
    """The options of a request, as far as they are about rows."""

    @property
    def rows(self) -> RowOptions: ...

    @property
    def variables(self) -> Mapping[str, str]: ...


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


def rows_of(
    runtime: Runtime,
    loaded: Loaded,
    narrative: Narrative,
    options: RowOptions,
    *,
    variables: Mapping[str, str],
    demands: Sequence[Demands] = (),
) -> RunRows | None:
    """Read and check the rows of a run; None for a run without rows. InvalidInput for the first that is wrong."""
    source = options.source or named_rows(runtime, loaded, narrative, variables, demands)
    if source is None:
        require_no_rows(narrative)
        _require_no_options(options)
        return None
    try:
        return _checked(runtime, narrative, source, options)
    except BaseException:
        source.close()
        raise


def _require_no_options(options: RowOptions) -> None:
    names = [name for name in OPTIONS if getattr(options, name) != getattr(RowOptions(), name)]
    if names:
        problem = f"{names[0]} is given, and the run has no rows"
        raise InvalidInput(problem, do="give rows with --rows FILE, or leave it out")


def measured_rows(
    runtime: Runtime,
    loaded: Loaded,
    narrative: Narrative,
    options: RowRequest,
    *,
    is_live: bool,
) -> RunRows | None:
    """Return the rows as `rows_of` does, for a forecast: they are counted and measured, and can't be read again.

    Without services (`is_live`), all rows count as new, and those of tables and runs can't be read.
    """
    foreach = narrative.carousel.foreach if narrative.carousel else None
    if not is_live and options.rows.source is None and foreach is not None and (foreach.table or foreach.run):
        do = "start them: botticelli services up"
        raise InvalidInput("the rows are in Postgres, and no services are running", do=do)
    chosen = replace(options.rows, only_new=options.rows.only_new and is_live)
    rows = rows_of(runtime, loaded, narrative, chosen, variables=options.variables)
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
    succeeded = partial(_succeeded, runtime, narrative.name) if options.only_new else None
    choice = Choice(key, options.skip_bad, options.limit, options.sample, options.seed, succeeded)
    return RunRows(choose_rows(source, choice, judge), judge, batch)


def _succeeded(runtime: Runtime, narrative: str, keys: Sequence[str]) -> set[str]:
    with runtime.store.transaction() as tx:
        return tx.items.succeeded_keys(narrative, keys)


def _check_key(key: Sequence[str], source: RowSource) -> None:
    columns = source.columns
    for column in key:
        if columns is not None and column not in columns:
            do = did_you_mean(column, columns, otherwise="the columns are")
            raise InvalidInput(f"has no column {shown(column)}, which is its key", where=source.name, do=do)


def tokens_of_rows(runtime: Runtime, rows: RunRows | None) -> dict[int, int | None]:
    """Return the tokens that the rows of an iteration bring into the prompt of each act: a quantile of real rows."""
    return {**rows.judge.brought(runtime.settings.budget.estimate_quantile)} if rows else {}


def without_rows(narrative: Narrative) -> Narrative:
    """Return the narrative without the rows that are written in it: a run has them in rows of its own."""
    carousel = narrative.carousel
    if carousel is None or carousel.foreach is None or not carousel.foreach.rows:
        return narrative
    foreach = carousel.foreach.model_copy(update={"rows": ()})
    return narrative.model_copy(update={"carousel": carousel.model_copy(update={"foreach": foreach})})
