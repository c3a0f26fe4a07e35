"""What arrives over the wire: is it of a version that we speak, and is it kept until it can be stored? Performs nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from botticelli.carousel import EnqueueOptions, accept
from botticelli.carousel.checks.run_options import terms_of
from botticelli.carousel.enqueuing.from_wire import refusal_of
from botticelli.errors import InvalidInput
from botticelli.messages import WIRE_HEADER, WIRE_VERSION
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVERS_AWAY
from botticelli.security.request_checks import check_request
from botticelli.settings.demands import read_asked
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.executor.iteration import perform
from workers.process.failed_tasks import TaskFailed, iteration_failed
from workers.process.shutdown import stopping
from workers.recovery.rejections import own_id_of, refuse

T = TypeVar("T")

RETRY_SECONDS = 2.0
MAX_ID_CHARACTERS = 255


class NotNow(Exception):
    """The request can't be stored, and this process ends: it is for another worker."""


def version_of(request: Any) -> int:
    """The wire version that a message says (`request` is Celery's); 1 for programs that say none."""
    said = getattr(request, WIRE_HEADER, None) or (request.headers or {}).get(WIRE_HEADER, 1)
    return said if isinstance(said, int) else 0


def is_spoken(version: int) -> bool:
    """Whether this worker knows what messages of that version mean."""
    return 1 <= version <= WIRE_VERSION


def perform_message(runtime: Runtime, version: int, run_id: object, number: object) -> None:
    """Perform the iteration that a message names.

    One that is not understood changes nothing: its row stays due, and is published again for another worker. TaskFailed
    when the iteration has failed for good.
    """
    if not (is_spoken(version) and _is_run_id(run_id) and _is_number(number)):
        log("message_not_understood", level=logging.WARNING, wire_version=version, speaks=WIRE_VERSION)
        return
    run_id, number = str(run_id), cast(int, number)
    failed = perform(runtime, run_id, number)
    if failed is not None:
        raise iteration_failed(runtime, run_id, number, failed.error)


def _is_run_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable()


def _is_number(value: object) -> bool:
    """Of an iteration, as Postgres keeps it."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def store_message(runtime: Runtime, version: int, task_id: str, arguments: Mapping[str, Any]) -> None:
    """As `store_request`. TaskFailed when the request was refused, which is recorded then."""
    if not store_request(runtime, version, task_id, arguments):
        raise TaskFailed("the request was refused", do="`botticelli runs` shows the failed run and its reason")


def store_request(runtime: Runtime, version: int, task_id: str, arguments: Mapping[str, Any]) -> bool:
    """Make the run that a message asks for, or a failed one that says why not (False); the same message makes one run.

    Waits for Postgres, since the message is all there is of the request: NotNow when the process ends meanwhile.
    """
    reach("request_received")
    own_id = own_id_of(task_id)
    try:
        options = _understood(version, arguments, own_id)
    except Exception as error:
        refusal = refusal_of(error)
        _when_possible(lambda: refuse(runtime, own_id, arguments, refusal))
        return False
    said = {key: arguments.get(key) for key in ("narrative", "text", "name")}
    return _when_possible(lambda: accept(runtime, options, **said))


def _understood(version: int, arguments: Mapping[str, Any], own_id: str) -> EnqueueOptions:
    """InvalidInput for what this worker would only half understand."""
    if not is_spoken(version):
        raise InvalidInput(
            f"the request is of wire version {version}, this worker speaks up to {WIRE_VERSION}",
            do="upgrade the workers before the programs that enqueue, then enqueue it again",
        )
    check_request(arguments)
    given = {name: value for name, value in arguments.items() if value is not None}
    key = given.get("idempotency_key")
    run_id = given.get("run_id") or (None if key else own_id)
    tags = tuple(given.get("tags", ()))
    terms = terms_of(given.get("tiers"), given.get("tenant"))
    rehearse = given.get("rehearse", False)
    demands = (read_asked(given["demands"]),) if given.get("demands") else ()
    said = (given.get("variables", {}), given.get("iterations"), run_id, key, tags, rehearse)
    return EnqueueOptions(*said, terms=terms, demands=demands)


def _when_possible(store: Callable[[], T]) -> T:
    while True:
        try:
            return store()
        except SERVERS_AWAY as error:
            log("request_waits", level=logging.WARNING, error=type(error).__name__)
        if stopping.wait(RETRY_SECONDS):
            raise NotNow
