"""Resolves media and table inputs while an act is performed: bytes for the driver, rows as JSON."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Any

from cachetools import LRUCache

from botticelli.carousel.checks.media_and_tables import fetches_itself
from botticelli.carousel.plan.planned_calls import Call
from botticelli.carousel.plan.table_queries import query_of
from botticelli.drivers import Media
from botticelli.errors import FetchError, InvalidInput
from botticelli.narrative import canonical_mime, content_problem, detect_mime, render_text
from botticelli.narrative.model import MediaInput, TableInput
from botticelli.narrative.table_text import jsonable
from botticelli.narrative.templates.template import Resolve
from botticelli.security.safe_fetch import fault_of_url, fetch
from botticelli.store import Intent, Query, Tables
from workers.context.iteration_context import IterationContext, effect_key
from workers.context.outcomes import ActFailed

CACHE_BYTES = 64 * 1024 * 1024
PULL = "pull"


_contents: LRUCache[str, bytes] = LRUCache(CACHE_BYTES, getsizeof=len)
"""Recently used media by content hash; the content of a hash never changes."""
_lock = Lock()


def _content(stage: IterationContext, sha256: str) -> bytes:
    """Return the content of a medium. ActFailed when it is no longer in the database."""
    with _lock:
        content: bytes | None = _contents.get(sha256)
    if content is None:
        with stage.runtime.store.transaction() as tx:
            content = tx.media.content(sha256)
        if content is None:
            raise ActFailed(f"the medium {sha256[:12]} is no longer in the database")
        with _lock, suppress(ValueError):  # larger than the whole cache
            _contents[sha256] = content
    return content


def resolve_medium(stage: IterationContext, input_: MediaInput, call: Call, resolve: Resolve) -> Media:
    """Return the medium for the driver: its bytes, or its URL when every provider of the call fetches it itself.

    ActFailed when the URL is not allowed, can't be fetched, or brings other data than its type says.
    """
    if input_.sha256 is not None:
        return Media(kind=input_.type, mime=input_.mime, data=_content(stage, input_.sha256), filename=input_.filename)
    if input_.url is None:
        raise ActFailed("a medium has neither content nor url")
    url = render_text(input_.url, resolve)
    settings = stage.runtime.settings.fetch
    fault = fault_of_url(url, settings)
    if fault is not None:
        raise ActFailed(f"{input_.type} by url: {fault}")
    models = [call.model, *(other.model for other in call.fallbacks)]
    if input_.mime and all(fetches_itself(stage.runtime, model, input_.type) for model in models):
        return Media(kind=input_.type, mime=input_.mime, url=url, filename=input_.filename)
    try:
        fetched = fetch(url, settings)
    except FetchError as error:
        raise ActFailed(f"{input_.type} by url: {error}") from None
    mime = input_.mime or canonical_mime(fetched.mime)
    if not input_.mime and content_problem(fetched.data, mime) is not None:
        mime = detect_mime(fetched.data, input_.type) or mime
    fault = content_problem(fetched.data, mime)
    if fault is not None:
        raise ActFailed(f"{input_.type} by url: the content {fault}")
    return Media(kind=input_.type, mime=mime, data=fetched.data, filename=input_.filename)


def resolve_rows(
    stage: IterationContext, act: str, name: str, input_: TableInput, resolve: Resolve
) -> list[dict[str, Any]]:
    """Return the rows as JSON.

    `name` is unique within the iteration. ActFailed when the table or Postgres refuses the query.
    """
    settings = stage.tables
    query = query_of(input_, resolve)
    try:
        if input_.pull_and_delete and not stage.narrative.content_for(stage.act).preserve_source:
            return _pull(stage, act, name, query)
        with stage.runtime.store.reading(settings.timeout_seconds) as connection:
            tables = Tables(connection, allow=settings.allow, write=settings.write, rehearse=stage.is_rehearsal)
            rows = tables.read(query)
    except InvalidInput as error:
        raise ActFailed(str(error)) from None
    values: list[dict[str, Any]] = jsonable(rows)
    return values


def _pull(stage: IterationContext, act: str, name: str, query: Query) -> list[dict[str, Any]]:
    """Pull rows, and record them as an effect.

    Rows are deleted and written to the effect ledger in one transaction, so that a repeated act finds them there. A
    rehearsal leaves them in the table.
    """
    settings, claim = stage.tables, stage.claim
    intent = Intent(
        key=effect_key(claim, name, PULL, query.table),
        run_id=claim.run_id,
        number=claim.number,
        act=act,
        platform="database",
        command=PULL,
        args={"table_name": query.table, "limit": query.limit},
        fencing_token=claim.fencing_token,
    )
    with stage.about_to_act() as tx:
        record = tx.effects.record_intent(intent)
        if record.status == "done":
            recorded: list[dict[str, Any]] = record.output
            return recorded
        tx.limit_statements(settings.timeout_seconds)
        with tx.in_savepoint(stage.run.rehearse):
            tables = Tables(tx.connection, allow=settings.allow, write=settings.write, rehearse=stage.is_rehearsal)
            pulled = tables.pull(query)
        rows: list[dict[str, Any]] = jsonable(pulled)
        tx.effects.finish(intent.key, "done", output=rows)
    return rows
