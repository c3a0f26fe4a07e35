"""Writes notices that no trigger writes, and reads them for delivery."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.notice_tables import notices
from botticelli.untrusted.storable import storable

_NOTICE_IDS = uuid.UUID("1d0e9f6c-5d0a-4a58-9a55-6b0f0c1d6a3e")


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to tell. `data` has JSON values, and no prompt and no output."""

    id: str
    type: str
    run_id: str | None
    narrative: str | None
    tags: Sequence[str]
    tenant: str | None
    data: Mapping[str, Any]
    created_at: datetime


class Outbox:
    """Writes and reads notices within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def emit(
        self,
        event: str,
        data: Mapping[str, Any],
        *,
        key: str | None = None,
        run_id: str | None = None,
        narrative: str | None = None,
        tags: Sequence[str] = (),
        tenant: str | None = None,
    ) -> bool:
        """Write a notice that is told if this transaction commits; False when it was written before.

        The same event and `key` are the same notice. `narrative`, `tags` and `tenant` are what targets filter by. `data`
        holds JSON values, no prompt and no output.
        """
        identity = uuid.uuid4() if key is None else uuid.uuid5(_NOTICE_IDS, f"{event} {key}")
        about = {"run_id": run_id, "narrative": narrative, "tags": list(tags), "tenant": tenant}
        values = {"id": str(identity), "type": event, "data": storable(dict(data)), **about}
        query = insert(notices).values(values).on_conflict_do_nothing().returning(notices.c.id)
        return self._connection.execute(query).first() is not None
