"""Stores what each delivery of a webhook came to, once, however often it comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, case, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from botticelli.store.schema.webhook_tables import webhook_deliveries
from botticelli.untrusted.storable import storable

WebhookOutcome = Literal["accepted", "ignored", "refused"]
ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A delivery of the webhook `webhook`. `times` counts how often it came; `error` says why it was refused."""

    webhook: str
    key: str
    delivery_id: str
    event: str
    outcome: WebhookOutcome
    run_id: str | None
    tenant: str | None
    error: str | None
    times: int
    received_at: datetime
    last_received_at: datetime


class ReceivedWebhooks:
    """Reads and writes received deliveries within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run_of(self, webhook: str, key: str) -> str | None:
        """Return the run that a delivery has started; None when it came never, or started none."""
        table = webhook_deliveries.c
        query = select(table.run_id).where(table.webhook == webhook, table.key == key)
        run_id: str | None = self._connection.execute(query).scalar()
        return run_id

    def record(self, webhook: str, outcome: WebhookOutcome, *, days: int, **columns: Any) -> None:
        """Record a delivery, with `key`, `delivery_id`, `event` and what else is known; it is deleted after `days`.

        One that came before is counted; a run that it has started stays its outcome.
        """
        table = webhook_deliveries.c
        error = columns.pop("error", None)
        values = columns | {
            "webhook": webhook,
            "outcome": outcome,
            "error": storable(error and error[:ERROR_CHARACTERS]),
        }
        values["expires_at"] = text("now() + make_interval(days => :days)").bindparams(days=days)
        query = insert(webhook_deliveries).values(values)
        new = query.excluded
        has_run = table.run_id.is_not(None)
        again = {
            "outcome": case((has_run, table.outcome), else_=new.outcome),
            "error": case((has_run, table.error), else_=new.error),
            "run_id": func.coalesce(table.run_id, new.run_id),
            "times": table.times + 1,
            "last_received_at": func.now(),
        }
        self._connection.execute(query.on_conflict_do_update(index_elements=["webhook", "key"], set_=again))

    def recent(
        self, *, webhook: str | None = None, outcome: WebhookOutcome | None = None, limit: int = 50
    ) -> list[ReceivedWebhook]:
        """List deliveries, newest first."""
        table = webhook_deliveries.c
        query = select(*(table[name] for name in ReceivedWebhook.__slots__))
        query = query.order_by(table.received_at.desc(), table.key).limit(limit)
        if webhook is not None:
            query = query.where(table.webhook == webhook)
        if outcome is not None:
            query = query.where(table.outcome == outcome)
        return [ReceivedWebhook(**row) for row in self._connection.execute(query).mappings()]

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the deliveries by webhook and outcome."""
        columns = (webhook_deliveries.c.webhook, webhook_deliveries.c.outcome)
        counts: dict[str, dict[str, int]] = {}
        for webhook, outcome, count in self._connection.execute(select(*columns, func.count()).group_by(*columns)):
            counts.setdefault(webhook, {})[outcome] = count
        return counts

    def last_received(self) -> dict[str, datetime]:
        """Return when each webhook was last received."""
        column = webhook_deliveries.c.webhook
        query = select(column, func.max(webhook_deliveries.c.last_received_at)).group_by(column)
        return {webhook: at for webhook, at in self._connection.execute(query)}

    def sweep(self) -> int:
        """Delete the deliveries that have expired; return how many."""
        return self._connection.execute(
            delete(webhook_deliveries).where(webhook_deliveries.c.expires_at < func.now())
        ).rowcount
