"""Sends a request to enqueue to the workers; one with more rows than a message holds is stored by this process itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botticelli.messages import new_run_id, publish_enqueue, run_id_for
from botticelli.rows.inline import take_inline
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import check_request
from botticelli.settings.demands import demands_to_send


def send(runtime: Runtime, request: Mapping[str, Any], rows: Iterable[Any] | None = None) -> str:
    """Check a request, publish it, and return the id of its run.

    InvalidInput for an option that is always wrong, a row that is not JSON, or a request too large for the queue.
    """
    iterator = None if rows is None else iter(rows)
    inline, is_whole = (None, True) if iterator is None else take_inline(iterator)
    check_request({**request, "rows": inline})
    key = request.get("idempotency_key")
    run_id = run_id_for(key) if key else new_run_id()
    given = {name: _plain(value) for name, value in request.items() if value}
    if iterator is None or is_whole:
        demands = demands_to_send(runtime.settings)
        more = {name: value for name, value in (("rows", inline), ("demands", demands)) if value is not None}
        publish_enqueue(runtime.celery, run_id, given | more)
    else:
        from botticelli.carousel.enqueuing.request_options import enqueue_here

        enqueue_here(runtime, run_id, given, inline or [], iterator)
    return run_id


def _plain(value: Any) -> Any:
    """Return a value as the wire has it: a dict, a list, or a plain value."""
    if isinstance(value, Mapping):
        return dict(value)
    return [*value] if isinstance(value, list | tuple) else value
