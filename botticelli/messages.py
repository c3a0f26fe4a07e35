"""The wire format: task names, the queue and the shape of arguments. Public and versioned (docs/reference/wire.md).

A `run_iteration` message carries ids only: reading or forging one lets nobody do more than claim a row that is due.
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
SERVICE_TIERS = ("default", "flex", "priority")
"""The service tiers that a request may choose for all calls of its run."""
TASK_PREFIX = "botticelli."
"""The prefix of every task that workers perform; Celery's built-in tasks are refused."""
ENQUEUE = "botticelli.enqueue"
RUN_ITERATION = "botticelli.run_iteration"
PROBE = "botticelli.probe"
_RUN_IDS = uuid.UUID("9f0c1e52-6a39-4b6f-8c57-62f1f1f0b0aa")

PUBLISH_BATCH = 16
"""How many iterations are published in one round trip: workers start on the first ones while the rest are written."""

MAX_ENTRY_BYTES = 1_000_000
"""The largest message in the queue, its body in base64. Workers drop a larger one without parsing it."""
ENVELOPE_BYTES = 4096
"""The space reserved for the headers and properties of a message."""
MAX_REQUEST_BYTES = (MAX_ENTRY_BYTES - ENVELOPE_BYTES) // 4 * 3
"""The largest arguments of an enqueue, as JSON."""

PUBLISH_OPTIONS: Mapping[str, Any] = {
    "retry": False,
    "ignore_result": True,
    "queue": QUEUE,
    "headers": {WIRE_HEADER: WIRE_VERSION},
}
"""Publishes without retries: the row in Postgres is what counts, and the sweep republishes a lost message."""


def new_run_id() -> str:
    return str(uuid.uuid4())


def run_id_for(idempotency_key: str) -> str:
    """Derive the run id from a key alone, so that every machine gets the same one."""
    return str(uuid.uuid5(_RUN_IDS, idempotency_key))


class Publication(NamedTuple):
    """One iteration message; `publishes` counts how often it was sent."""

    run_id: str
    number: int
    narrative: str
    publishes: int

    @property
    def task_id(self) -> str:
        return f"{self.run_id}.{self.number}.{self.publishes}"

    @property
    def arguments(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "number": self.number}

    @property
    def description(self) -> str:
        """Return what Flower shows of the arguments."""
        return f"run={self.run_id} narrative={self.narrative} iteration={self.number}"


def publish_iterations(app: Celery, publications: Sequence[Publication]) -> None:
    """Publish iterations, PUBLISH_BATCH of them in each round trip to the broker.

    Flower shows run, narrative and iteration of each.
    Raises KombuError, RedisError or OSError; any number of them may have arrived then.
    """
    with app.producer_or_acquire() as producer:
        for first in range(0, len(publications), PUBLISH_BATCH):
            _publish_lot(app, producer, publications[first : first + PUBLISH_BATCH])


def _publish_lot(app: Celery, producer: Any, publications: Sequence[Publication]) -> None:
    with producer.batch():
        for publication in publications:
            app.send_task(
                RUN_ITERATION,
                kwargs=publication.arguments,
                task_id=publication.task_id,
                argsrepr="()",
                kwargsrepr=publication.description,
                producer=producer,
                **PUBLISH_OPTIONS,
            )


def publish_enqueue(app: Celery, run_id: str, request: Mapping[str, Any]) -> None:
    """Publish a request to enqueue a narrative. `request` has the keyword arguments of the `botticelli.enqueue` task.

    Raises InvalidInput for a request that is larger than workers accept, and kombu's OperationalError when the broker
    can't be reached.
    """
    size = len(json.dumps([[], {"run_id": run_id, **request}, {}]))
    if size > MAX_REQUEST_BYTES:
        raise InvalidInput(
            f"is {size:,} bytes as JSON, the limit is {MAX_REQUEST_BYTES:,}",
            where="the request",
            do="shorten its text or variables, or use a narrative file on the workers",
        )
    app.send_task(
        ENQUEUE,
        kwargs={"run_id": run_id, **request},
        task_id=f"{run_id}.enqueue",
        argsrepr="()",
        kwargsrepr=f"run={run_id} narrative={request.get('narrative') or 'as text'}",
        **PUBLISH_OPTIONS,
    )


def publish_probe(app: Celery, queue: str) -> None:
    """Publish a probe task, which proves that a worker consumes the queue."""
    app.send_task(PROBE, kwargs={"queue": queue}, **{**PUBLISH_OPTIONS, "queue": queue})
