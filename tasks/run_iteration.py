"""`botticelli.run_iteration`: perform one iteration of a run. Ids in; everything else is in Postgres."""

from botticelli import messages
from botticelli.celery import app
from botticelli.runtime import current
from workers.perform import perform


@app.task(name=messages.RUN_ITERATION)
def run_iteration(run_id: str, number: int) -> None:
    perform(current(), run_id, number)
