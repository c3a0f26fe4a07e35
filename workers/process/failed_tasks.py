"""Shows failures in Celery's events and in Flower, as a failed task with its reason.

TaskFailed is raised after everything is recorded; the message is acknowledged as usual.
"""

from __future__ import annotations

from collections.abc import Iterable

from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime

REASON_CHARACTERS = 300
ECHO_CHARACTERS = 12
"""A piece of a prompt or an output of this length in an error counts as a quotation; a shorter prompt only as a whole.
"""


class TaskFailed(BotticelliError):
    """A task completed by recording a failure. Celery neither retries it nor logs a traceback."""


def iteration_failed(runtime: Runtime, run_id: str, number: int, error: str) -> TaskFailed:
    """Build the error of an iteration that failed for good; its reason quotes no prompt or output."""
    with runtime.store.transaction() as tx:
        rows = tx.acts.of_iteration(run_id, number, rejected=True)
        variables = tx.runs.snapshot(run_id).variables.values()
    texts = [text for row in rows for text in (row.prompt, row.output, row.raw_output) if text]
    return TaskFailed(f"iteration {number} failed: {without(error, [*texts, *variables])[:REASON_CHARACTERS]}")


def without(error: str, texts: Iterable[str]) -> str:
    """Return `error` with `…` in place of every piece of these texts."""
    covered = bytearray(len(error))
    for text in texts:
        size = min(ECHO_CHARACTERS, len(text.strip()))
        stripped = text.strip()
        for start in range(len(error) - size + 1) if size > 2 else ():
            if error[start : start + size] in stripped:
                covered[start : start + size] = b"\1" * size
    return "".join(
        "" if hidden and at and covered[at - 1] else "…" if hidden else letter
        for at, (letter, hidden) in enumerate(zip(error, covered, strict=True))
    )
