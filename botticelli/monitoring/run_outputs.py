"""What a run has brought: its iterations with their acts and outputs, read a page at a time. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from botticelli.carousel.result import CarouselResult
from botticelli.errors import NotFound
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Iteration

PAGE = 200


@dataclass(frozen=True, slots=True)
class ActResult:
    """One act of one iteration.

    One act of one iteration; `turn` counts the turns of an act that performs a narrative several times. `output` is the
    text of the model, or what a bot command captured, as JSON; None where there is none. `cost_usd` is None when
    unknown.
    """

    name: str
    turn: int
    status: str
    output: str | None
    error: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None

    def json(self) -> Any:
        """The output as JSON. ValueError when it is none."""
        return json.loads(self.output or "")


@dataclass(frozen=True, slots=True)
class IterationResult:
    """One iteration as it stands, with the acts that have ended, in the order of the narrative."""

    number: int
    status: str
    error: str | None
    acts: tuple[ActResult, ...]

    @property
    def output(self) -> str | None:
        """Of its last act that has one."""
        return next((act.output for act in reversed(self.acts) if act.output is not None), None)

    def output_of(self, act: str) -> str | None:
        """Of the act of that name, of its last turn; None when it has none."""
        return next((one.output for one in reversed(self.acts) if one.name == act and one.output is not None), None)


class Iterations:
    """The iterations of a run that have begun, in order.

    Each pass over it reads anew, a page at a time: a run of a million iterations takes no more memory than one of 200.
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
        """NotFound for an iteration that has not begun."""
        found = self._page(number - 1, 1)
        if not found or found[0].number != number:
            raise NotFound(
                f"run {self._run_id} has no iteration {number}", do="count from 1; it may not have begun yet"
            )
        return found[0]

    def _page(self, after: int, limit: int = PAGE) -> list[IterationResult]:
        with self._runtime.store.transaction() as tx:
            found = tx.iterations.of_run(self._run_id, after=after, limit=limit)
            acts: dict[int, list[ActRow]] = {}
            for row in tx.acts.of_numbers(self._run_id, [one.number for one in found]) if found else ():
                acts.setdefault(row.number, []).append(row)
        return [_iteration(one, acts.get(one.number, [])) for one in found]


class RunResult(CarouselResult):
    """A `CarouselResult` with the iterations of its run, which are read when they are asked for."""

    __slots__ = ("_iterations",)
    _iterations: Iterations

    @property
    def iterations(self) -> Iterations:
        return self._iterations


def with_iterations(runtime: Runtime, result: CarouselResult) -> RunResult:
    """The same result, with its iterations."""
    made = RunResult(**{field.name: getattr(result, field.name) for field in fields(result)})
    object.__setattr__(made, "_iterations", Iterations(runtime, result.run_id))
    return made


def _iteration(iteration: Iteration, rows: list[ActRow]) -> IterationResult:
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
        )
        for row in rows
    )
    return IterationResult(iteration.number, iteration.status, iteration.error, acts)
