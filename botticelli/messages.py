"""The wire: task names, queue and argument shapes. Public and versioned (docs/reference/wire.md). Runs nothing.

A `run_iteration` message carries ids only: whoever reads or forges it can do no more than claim a row that is due.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botticelli.errors import InvalidInput

if TYPE_CHECKING:
    from celery import Celery

WIRE_VERSION = 1
WIRE_HEADER = "botticelli_wire"
QUEUE = "botticelli"
TASK_PREFIX = "botticelli."
"""Workers perform nothing else, whatever Celery brings with it."""
ENQUEUE = "botticelli.enqueue"
RUN_ITERATION = "botticelli.run_iteration"
CANARY = "botticelli.canary"
_RUN_IDS = uuid.UUID("9f0c1e52-6a39-4b6f-8c57-62f1f1f0b0aa")

LOT = 16
"""Iterations of one trip to the broker: workers begin with the first while the others are written."""

MAX_ENTRY_BYTES = 1_000_000
"""Of a message as it lies in the queue, its body in base64. What is larger is dropped by workers, and not even parsed."""
ENVELOPE_BYTES = 4096
"""Room for the headers and properties of a message around its body."""
MAX_REQUEST_BYTES = (MAX_ENTRY_BYTES - ENVELOPE_BYTES) // 4 * 3
"""Of the arguments of an enqueue as JSON."""

PUBLISH_OPTIONS: Mapping[str, Any] = {
    "retry": False,
    "ignore_result": True,
    "queue": QUEUE,
    "headers": {WIRE_HEADER: WIRE_VERSION},
}
"""No retry: what counts is the row in Postgres, and the sweep publishes again what did not arrive."""


def new_run_id() -> str:
    return str(uuid.uuid4())


def run_id_for(idempotency_key: str) -> str:
    """The same key names the same run, on every machine, without asking anybody."""
    return str(uuid.uuid5(_RUN_IDS, idempotency_key))


class Publication(NamedTuple):
    """One iteration to put on the queue, for the so many-th time."""

    run_id: str
    number: int
    narrative: str
    publishes: int


def publish_iterations(app: Celery, publications: Sequence[Publication]) -> None:
    """Put iterations on the queue, a lot in each trip to the broker. What Flower shows of each: run, narrative, iteration.

    KombuError, RedisError or OSError when nobody knows how many arrived.
    """
    with app.producer_or_acquire() as producer:
        for first in range(0, len(publications), LOT):
            _publish_lot(app, producer, publications[first : first + LOT])


def _publish_lot(app: Celery, producer: Any, publications: Sequence[Publication]) -> None:
    with producer.batch():
        for run_id, number, narrative, publishes in publications:
            app.send_task(
                RUN_ITERATION,
                kwargs={"run_id": run_id, "number": number},
                task_id=f"{run_id}.{number}.{publishes}",
                argsrepr="()",
                kwargsrepr=f"run={run_id} narrative={narrative} iteration={number}",
                producer=producer,
                **PUBLISH_OPTIONS,
            )


def publish_enqueue(app: Celery, run_id: str, request: Mapping[str, Any]) -> None:
    """Ask a worker to enqueue a narrative. `request` has the keyword arguments of the `botticelli.enqueue` task.

    InvalidInput for a request that is larger than a worker takes from the queue.
    """
    size = len(json.dumps([[], {"run_id": run_id, **request}, {}]))
    if size > MAX_REQUEST_BYTES:
        raise InvalidInput(
            f"is {size:,} bytes as JSON, {MAX_REQUEST_BYTES:,} are the most",
            where="the request",
            do="shorten its text or variables, or put the narrative into a file that the workers have",
        )
    app.send_task(
        ENQUEUE,
        kwargs={"run_id": run_id, **request},
        task_id=f"{run_id}.enqueue",
        argsrepr="()",
        kwargsrepr=f"run={run_id} narrative={request.get('narrative') or 'as text'}",
        **PUBLISH_OPTIONS,
    )


def publish_canary(app: Celery, queue: str) -> None:
    """Ask whoever consumes the queue to show it."""
    app.send_task(CANARY, kwargs={"queue": queue}, **{**PUBLISH_OPTIONS, "queue": queue})
