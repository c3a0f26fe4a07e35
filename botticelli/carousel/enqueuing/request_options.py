"""Reads the options of a request that was made by keyword arguments: of a message, or of a client with many rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from botticelli.carousel.checks.run_options import checked_run_options
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
from botticelli.carousel.enqueuing.from_wire import enqueue_named
from botticelli.carousel.enqueuing.row_options import RowOptions
from botticelli.rows.lists import ListSource, SpooledSource
from botticelli.rows.row import RowSource
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import read_request_demands

ROWS = "rows"
_RUN_OPTIONS = ("tiers", "tenant", "model", "service_tier")
_CHOICES = ("skip_bad", "only_new", "limit", "sample", "seed")


def options_of_request(
    given: Mapping[str, Any], run_id: str | None, *, source: RowSource | None = None
) -> EnqueueRequest:
    """Return the options of a checked request. `source` replaces the rows that are written in it. InvalidInput."""
    demands = (read_request_demands(given["demands"]),) if given.get("demands") else ()
    return EnqueueRequest(
        variables=given.get("variables", {}),
        iterations=given.get("iterations"),
        run_id=run_id,
        idempotency_key=given.get("idempotency_key"),
        tags=tuple(given.get("tags", ())),
        rehearse=given.get("rehearse", False),
        run_options=checked_run_options(**{name: given.get(name) for name in _RUN_OPTIONS}),
        demands=demands,
        rows=_row_options(given, source),
    )


def _row_options(given: Mapping[str, Any], source: RowSource | None) -> RowOptions:
    key = given.get("row_key", ())
    choices = {name: given[name] for name in _CHOICES if name in given}
    if source is None and given.get("rows") is not None:
        source = ListSource(given["rows"], ROWS)
    return RowOptions(source, (key,) if isinstance(key, str) else tuple(key), **choices)


def enqueue_here(
    runtime: Runtime, run_id: str, request: Mapping[str, Any], first: Iterable[Any], rest: Iterable[Any]
) -> None:
    """Enqueue a request whose rows are too many for a message: check and store it in this process, not in a worker."""
    given = {name: value for name, value in request.items() if value}
    source = SpooledSource(chain(first, rest), ROWS)
    named: dict[str, Any] = {name: given.pop(name, None) for name in ("narrative", "text", "name")}
    try:
        enqueue_named(runtime, options_of_request(given, run_id, source=source), **named)
    finally:
        source.close()
