"""Defines `botticelli.enqueue`: makes a run of a narrative that another service names or sends.

The result is the run's row.
"""

from typing import Any

from celery.exceptions import Reject

from botticelli import messages
from botticelli.celery import app
from botticelli.runtime.process import current
from workers.handlers import RequestNotStored, store_message, version_of
from workers.process.failed_tasks import TaskFailed
from workers.process.slots import CountedTask


@app.task(base=CountedTask, name=messages.ENQUEUE, bind=True, throws=(TaskFailed,))
def enqueue(self: Any, /, narrative: str | None = None, **arguments: Any) -> None:
    try:
        store_message(current(), version_of(self.request), self.request.id, {"narrative": narrative, **arguments})
    except RequestNotStored:
        raise Reject(requeue=True) from None
