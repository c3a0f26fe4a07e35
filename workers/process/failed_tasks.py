"""Shows failures in Celery's events and in Flower: a failed task with its reason.

Nothing is decided here: it is raised when everything is recorded, and the message is acknowledged as ever.
"""

from __future__ import annotations

from collections.abc import Iterable

from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime

REASON_CHARACTERS = 300
ECHO_CHARACTERS = 12
"""So long a piece of a prompt or an output in an error is taken for a quotation; a shorter prompt is one as a whole."""


class TaskFailed(BotticelliError):
    """A task that did what it had to do: it recorded a failure. Celery neither retries it nor logs a traceback."""


def iteration_failed(runtime: Runtime, run_id: str, number: int, error: str) -> TaskFailed:
    """For an iteration that has failed for good. Its reason quotes nothing that was said to a model or by one."""
    with runtime.store.transaction() as tx:
        rows = tx.acts.of_iteration(run_id, number)
        variables = tx.runs.snapshot(run_id).variables.values()
    texts = [text for row in rows for text in (row.prompt, row.output, row.raw_output) if text]
    return TaskFailed(f"iteration {number} failed: {without(error, [*texts, *variables])[:REASON_CHARACTERS]}")


def without(error: str, texts: Iterable[str]) -> str:
    """`error` with `…` for every piece of one of these texts."""
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
