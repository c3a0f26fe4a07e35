"""`botticelli.enqueue`: make a run of a narrative that another service names or sends. The answer is the run's row."""

from botticelli import messages
from botticelli.carousel import EnqueueOptions, accept
from botticelli.celery import app
from botticelli.runtime import current


@app.task(name=messages.ENQUEUE)
def enqueue(
    narrative: str | None = None,
    *,
    text: str | None = None,
    name: str | None = None,
    run_id: str | None = None,
    idempotency_key: str | None = None,
    variables: dict[str, str] | None = None,
    iterations: int | None = None,
    tags: list[str] | None = None,
) -> None:
    options = EnqueueOptions(variables or {}, iterations, run_id, idempotency_key, tuple(tags or ()))
    accept(current(), options, narrative=narrative, text=text, name=name)
