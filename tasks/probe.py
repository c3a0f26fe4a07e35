"""Defines `botticelli.probe`, the heartbeat task: shows that the queue is consumed, by a timestamp in Postgres."""

from typing import Any

from botticelli import messages
from botticelli.celery import app
from botticelli.runtime.process import current
from workers.process.slots import CountedTask
from workers.recovery.queue_probe import answer


@app.task(base=CountedTask, name=messages.PROBE)
def probe(queue: object = messages.QUEUE, **_: Any) -> None:
    answer(current(), queue)
