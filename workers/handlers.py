"""Handles messages: checks the wire version, then performs an iteration or stores a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from botticelli.carousel import EnqueueRequest, accept
from botticelli.carousel.enqueuing.from_wire import refusal_of
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.errors import InvalidInput
from botticelli.messages import WIRE_HEADER, WIRE_VERSION
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.security.request_checks import check_request
from botticelli.telemetry.failpoints import reach
from botticelli.telemetry.log import log
from workers.executor.iteration import perform
from workers.process.failed_tasks import TaskFailed, iteration_failed
from workers.process.shutdown import stopping
from workers.recovery.rejections import own_id_of, refuse

T = TypeVar("T")

RETRY_SECONDS = 2.0
MAX_ID_CHARACTERS = 255


class RequestNotStored(Exception):
    """The process is ending before it could store the request, which is left to another worker."""


def version_of(request: Any) -> int:
    """Return the wire version of a message (`request` is Celery's); 1 when the sender states none."""
    version = getattr(request, WIRE_HEADER, None) or (request.headers or {}).get(WIRE_HEADER, 1)
    return version if isinstance(version, int) else 0


def is_supported(version: int) -> bool:
    """Whether this worker understands messages of that version."""
    return 1 <= version <= WIRE_VERSION


def perform_message(runtime: Runtime, version: int, run_id: object, number: object) -> None:
    """Perform the iteration that a message names.

    A message that is not understood changes nothing: its row stays due, and is published again for another worker.
    TaskFailed when the iteration has failed for good.
    """
    if not (is_supported(version) and _is_run_id(run_id) and _is_number(number)):
        log("message_not_understood", level=logging.WARNING, wire_version=version, speaks=WIRE_VERSION)
        return
    run_id, number = str(run_id), cast(int, number)
    failed = perform(runtime, run_id, number)
    if failed is not None:
        raise iteration_failed(runtime, run_id, number, failed.error)


def _is_run_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable()


def _is_number(value: object) -> bool:
    """Whether a value can be an iteration's number, a positive `bigint` of Postgres."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def store_message(runtime: Runtime, version: int, task_id: str, arguments: Mapping[str, Any]) -> None:
    """Store a request as `store_request` does. TaskFailed after its rejection was recorded."""
    if not store_request(runtime, version, task_id, arguments):
        raise TaskFailed("the request was refused", do="`botticelli runs` shows the failed run and its reason")


def store_request(runtime: Runtime, version: int, task_id: str, arguments: Mapping[str, Any]) -> bool:
    """Make the run that a message requests; False after making a failed run that says why not. Repeatable.

    A message makes one run, however often it is delivered. Waits for Postgres, since nothing but the message holds the
    request. RequestNotStored when the process ends meanwhile.
    """
    reach("request_received")
    own_id = own_id_of(task_id)
    try:
        options = _options_of(version, arguments, own_id)
    except Exception as error:
        refusal = refusal_of(error)
        _when_possible(lambda: refuse(runtime, own_id, arguments, refusal))
        return False
    source = {key: arguments.get(key) for key in ("narrative", "text", "name")}
    return _when_possible(lambda: accept(runtime, options, **source))


def _options_of(version: int, arguments: Mapping[str, Any], own_id: str) -> EnqueueRequest:
    """Return the options of a request. InvalidInput when this worker would understand it only in part."""
    if not is_supported(version):
        raise InvalidInput(
            f"the request has wire version {version}, this worker supports up to {WIRE_VERSION}",
            do="upgrade the workers before the programs that enqueue, then enqueue again",
        )
    check_request(arguments)
    given = {name: value for name, value in arguments.items() if value is not None}
    key = given.get("idempotency_key")
    run_id = given.get("run_id") or (None if key else own_id)
    return options_of_request(given, run_id)


def _when_possible(store: Callable[[], T]) -> T:
    while True:
        try:
            return store()
        except SERVER_ERRORS as error:
            log("request_waits", level=logging.WARNING, error=type(error).__name__)
        if stopping.wait(RETRY_SECONDS):
            raise RequestNotStored
