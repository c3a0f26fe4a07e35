"""Reads the iterations of a run with their acts and outputs, a page at a time. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from botticelli.carousel.result import CarouselResult
from botticelli.errors import NotFound
from botticelli.runtime.process import Runtime
from botticelli.statuses import ActStatus, IterationStatus
from botticelli.store import ActRow, Iteration

PAGE = 200
"""How many iterations are read at once."""


@dataclass(frozen=True, slots=True)
class ActResult:
    """One act of one iteration.

    `turn` counts the repetitions of an act that performs a narrative several times. `output` is the text of the model, or
    the JSON that a bot command captured; None if there is none. `model` is None for an act without a model call.
    `cost_usd` is in US dollars, None when a price is unknown.
    """

    name: str
    turn: int
    status: ActStatus
    output: str | None
    error: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    reasoning_tokens: int = 0
    attempt: int = 1
    """Which of the answers it is; those before it were not accepted."""
    verdict: str | None = None
    """`kept` or `review`: the answer was not accepted, but is used, or waits for a person."""
    repairs: int = 0
    """Calls that asked for a typed answer once more, because the first did not fit its schema."""

    def json(self) -> Any:
        """Return the output parsed as JSON. Raises ValueError when it is not valid JSON."""
        return json.loads(self.output or "")


@dataclass(frozen=True, slots=True)
class IterationResult:
    """One iteration as it stands, with the acts that have ended, in the order of the narrative. `number` counts from 1."""

    number: int
    status: IterationStatus
    error: str | None
    acts: tuple[ActResult, ...]

    @property
    def output(self) -> str | None:
        """The output of the last act that has one, else None."""
        return next((act.output for act in reversed(self.acts) if act.output is not None), None)

    def output_of(self, act: str) -> str | None:
        """Return the output of the act of that name (its last turn), else None."""
        outputs = (row.output for row in reversed(self.acts) if row.name == act)
        return next((output for output in outputs if output is not None), None)


class Iterations:
    """The iterations of a run that have started, in order.

    Each pass reads them again, a page at a time: memory stays bounded, however many iterations the run has.
    """

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._runtime = runtime
        self._run_id = run_id

    def __iter__(self) -> Iterator[IterationResult]:
        last = 0
        while page := self._page(last):
            yield from page
            last = page[-1].number

    def get(self, number: int) -> IterationResult:
        """Return the iteration with this number, from 1. Raises NotFound when it has not started."""
        page = self._page(number - 1, 1)
        if not page or page[0].number != number:
            problem = f"run {self._run_id} has no iteration {number}"
            raise NotFound(problem, do="count from 1; it may not have started yet")
        return page[0]

    def _page(self, after: int, limit: int = PAGE) -> list[IterationResult]:
        with self._runtime.store.transaction() as tx:
            iterations = tx.iterations.of_run(self._run_id, after=after, limit=limit)
            numbers = [iteration.number for iteration in iterations]
            acts: dict[int, list[ActRow]] = {}
            for row in tx.acts.of_numbers(self._run_id, numbers) if numbers else ():
                acts.setdefault(row.number, []).append(row)
        return [_iteration_result(iteration, acts.get(iteration.number, [])) for iteration in iterations]


class RunResult(CarouselResult):
    """The result of a run as it stands, with its `iterations`, which are read from Postgres when they are used.

    `completed` means that all requested iterations were performed and at least one succeeded; `failed_iterations` counts
    the others, and `reason` names the causes. `cost_usd` is in US dollars, None when the price of a model is unknown.
    `cached_tokens` and `cache_write_tokens` are parts of `input_tokens`. `duration_seconds` is wall-clock time.
    """

    __slots__ = ("_iterations",)
    _iterations: Iterations

    @property
    def iterations(self) -> Iterations:
        """The iterations that have started, in order, read anew with each pass; `get(number)` returns one of them."""
        return self._iterations


def with_iterations(runtime: Runtime, result: CarouselResult) -> RunResult:
    """Return the same result with its iterations."""
    run_result = RunResult(**{field.name: getattr(result, field.name) for field in fields(result)})
    object.__setattr__(run_result, "_iterations", Iterations(runtime, result.run_id))
    return run_result


def _iteration_result(iteration: Iteration, rows: list[ActRow]) -> IterationResult:
    acts = tuple(
        ActResult(
            name=row.name,
            turn=row.turn,
            status=row.status,
            output=row.output,
            error=row.error,
            model=row.model,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cost_usd=row.cost_usd,
            cached_tokens=row.cached_tokens,
            cache_write_tokens=row.cache_write_tokens,
            cache_write_long_tokens=row.cache_write_long_tokens,
            reasoning_tokens=row.reasoning_tokens,
            attempt=row.attempt,
            verdict=row.verdict,
            repairs=row.repairs,
        )
        for row in rows
    )
    return IterationResult(iteration.number, iteration.status, iteration.error, acts)
