"""Defines the table of received webhooks: a row for each delivery, by what identifies it."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, text

from botticelli.store.schema.tables import metadata


def _moment(name: str, *, default: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("now()") if default else None)


webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("delivery_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("run_id", Text),
    Column("tenant", Text),
    Column("error", Text),
    Column("times", Integer, nullable=False, server_default=text("1")),
    _moment("received_at"),
    _moment("last_received_at"),
    _moment("expires_at", default=False),
    Index("ix_webhook_deliveries_received_at", "received_at"),
    Index("ix_webhook_deliveries_expires_at", "expires_at"),
)
