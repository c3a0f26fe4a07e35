"""The result of a run and its exit code, read from its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from botticelli.statuses import RunStatus
from botticelli.store import Run

EXIT_CODES: Mapping[str, int] = {"completed": 0, "failed": 1, "budget_exhausted": 3, "cancelled": 4, "paused": 4}
EXIT_WITH_FAILURES = 5
"""The exit code of a completed run in which some iterations failed and some succeeded."""


def exit_code(run: Run) -> int:
    """Return the exit code of `botticelli run`; 4 also for a run that has not ended."""
    if run.status == "completed" and run.failed:
        return EXIT_WITH_FAILURES
    return EXIT_CODES.get(run.status, EXIT_CODES["paused"])


def outcome_text(run: Run) -> str:
    """Return the status in words: `completed with failures`, `budget exhausted`."""
    with_failures = run.status == "completed" and run.failed
    return run.status.replace("_", " ") + (" with failures" if with_failures else "")


@dataclass(frozen=True, slots=True)
class CarouselResult:
    """The result of a run.

    `completed` means that all requested iterations were performed and at least one succeeded; `failed_iterations` counts
    the others, and `reason` names the causes. A run without any success has failed. `cost_usd` is in US dollars, None
    when the price of a model is unknown. `cached_tokens` and `cache_write_tokens` are parts of `input_tokens`;
    `cache_write_long_tokens` is the part of the latter that the provider keeps for its longer life. `duration_seconds` is
    wall-clock time from start to end.
    """

    run_id: str
    narrative: str
    status: RunStatus
    reason: str | None
    iterations_attempted: int
    successful_iterations: int
    failed_iterations: int
    completed: bool
    budget_exhausted: bool
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: Decimal | None
    duration_seconds: float
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0


def result_of(run: Run) -> CarouselResult:
    """Return the result of a run. Before its end, the figures are those of its finished iterations."""
    began, ended = run.started_at or run.now, run.finished_at or run.now
    return CarouselResult(
        run_id=run.id,
        narrative=run.narrative,
        status=run.status,
        reason=run.reason,
        iterations_attempted=run.succeeded + run.failed,
        successful_iterations=run.succeeded,
        failed_iterations=run.failed,
        completed=run.status == "completed",
        budget_exhausted=run.status == "budget_exhausted",
        input_tokens=run.input_tokens,
        cached_tokens=run.cached_tokens,
        output_tokens=run.output_tokens,
        reasoning_tokens=run.reasoning_tokens,
        cost_usd=run.cost_usd,
        duration_seconds=round(max(0.0, (ended - began).total_seconds()), 3),
        cache_write_tokens=run.cache_write_tokens,
        cache_write_long_tokens=run.cache_write_long_tokens,
    )
