"""Media and table inputs while an act is performed: bytes for the driver, rows as text. Knows no prompt and no history."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from threading import Lock
from typing import Any

from botticelli.carousel.checks.media_and_tables import fetches_itself
from botticelli.carousel.plan.planned_calls import Call
from botticelli.carousel.plan.table_queries import query_of
from botticelli.drivers import Media
from botticelli.errors import FetchError, InvalidInput
from botticelli.narrative import fault_of_content, mime_of_content, render_text, usual_mime
from botticelli.narrative.model import MediaInput, TableInput
from botticelli.narrative.table_text import jsonable
from botticelli.narrative.templates.template import Resolve
from botticelli.security.safe_fetch import fault_of_url, fetch
from botticelli.store import Intent, Query, Tables
from workers.context.iteration_context import Stage
from workers.context.outcomes import ActFailed

KEPT_BYTES = 64 * 1024 * 1024
PULL = "pull"


class _Contents:
    """The media that were used last, by their content: the same in every run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def read(self, stage: Stage, sha256: str) -> bytes:
        with self._lock:
            if sha256 in self._kept:
                self._kept.move_to_end(sha256)
                return self._kept[sha256]
        with stage.runtime.store.transaction() as tx:
            found = tx.media.content(sha256)
        if found is None:
            raise ActFailed(f"the medium {sha256[:12]} is gone from the database")
        with self._lock:
            self._kept[sha256] = found
            while sum(map(len, self._kept.values())) > KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return found


_contents = _Contents()


def medium_of(stage: Stage, one: MediaInput, call: Call, resolve: Resolve) -> Media:
    """What the driver is sent: the bytes, or the URL when every provider that may be asked fetches it itself. ActFailed."""
    if one.sha256 is not None:
        return Media(kind=one.type, mime=one.mime, data=_contents.read(stage, one.sha256), filename=one.filename)
    if one.url is None:
        raise ActFailed("a medium has neither content nor url")
    url = render_text(one.url, resolve)
    settings = stage.runtime.settings.fetch
    fault = fault_of_url(url, settings)
    if fault is not None:
        raise ActFailed(f"{one.type} by url: {fault}")
    models = [call.model, *(other.model for other in call.fallbacks)]
    if one.mime and all(fetches_itself(stage.runtime, model, one.type) for model in models):
        return Media(kind=one.type, mime=one.mime, url=url, filename=one.filename)
    try:
        found = fetch(url, settings)
    except FetchError as error:
        raise ActFailed(f"{one.type} by url: {error}") from None
    mime = one.mime or usual_mime(found.mime)
    if not one.mime and fault_of_content(found.data, mime) is not None:
        mime = mime_of_content(found.data, one.type) or mime
    fault = fault_of_content(found.data, mime)
    if fault is not None:
        raise ActFailed(f"{one.type} by url: what it brings {fault}")
    return Media(kind=one.type, mime=mime, data=found.data, filename=one.filename)


def rows_of(stage: Stage, act: str, name: str, one: TableInput, resolve: Resolve) -> list[dict[str, Any]]:
    """The rows as JSON. `name` is unique within the iteration. ActFailed for what the table or Postgres refuses."""
    settings = stage.tables
    query = query_of(one, resolve)
    try:
        if one.pull_and_delete and not stage.narrative.content_for(stage.act).preserve_source:
            return _pull(stage, act, name, query)
        with stage.runtime.store.reading(settings.timeout_seconds) as connection:
            tables = Tables(connection, allow=settings.allow, write=settings.write, rehearse=stage.is_rehearsal)
            rows = tables.read(query)
    except InvalidInput as error:
        raise ActFailed(str(error)) from None
    found: list[dict[str, Any]] = jsonable(rows)
    return found


def _pull(stage: Stage, act: str, name: str, query: Query) -> list[dict[str, Any]]:
    """Pull rows, and record them as an effect.

    Rows are taken away and written to the effect ledger in one transaction: whoever repeats the act finds them there. A
    rehearsal leaves them in the table.
    """
    settings, claim = stage.tables, stage.claim
    content = [claim.run_id, claim.number, name, PULL, query.table]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
    args = {"table_name": query.table, "limit": query.limit}
    with stage.about_to_act() as tx:
        record = tx.effects.intend(Intent(key, claim.run_id, claim.number, act, "database", PULL, args, claim.fence))
        if record.status == "done":
            kept: list[dict[str, Any]] = record.output
            return kept
        tx.limit_statements(settings.timeout_seconds)
        with tx.tried_out(stage.run.rehearse):
            tables = Tables(tx.connection, allow=settings.allow, write=settings.write, rehearse=stage.is_rehearsal)
            pulled = tables.pull(query)
        rows: list[dict[str, Any]] = jsonable(pulled)
        tx.effects.finish(key, "done", output=rows)
    return rows
