"""Defines `botticelli.run_iteration`: performs one iteration of a run, given by ids."""

from typing import Any

from botticelli import messages
from botticelli.celery import app
from botticelli.runtime.process import current
from workers.handlers import perform_message, version_of
from workers.process.failed_tasks import TaskFailed
from workers.process.slots import CountedTask


@app.task(base=CountedTask, name=messages.RUN_ITERATION, bind=True, throws=(TaskFailed,))
def run_iteration(self: Any, /, run_id: object = None, number: object = None, **_: Any) -> None:
    perform_message(current(), version_of(self.request), run_id, number)
