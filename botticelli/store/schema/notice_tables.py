"""Defines the tables of notices: the outbox, its deliveries, and the state of each target.

Notices of runs and effects are inserted by triggers (queries/notice_triggers.sql), in the transaction of the change itself,
whichever code makes it.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from botticelli.store.schema.tables import metadata


def _moment(name: str, *, required: bool = False) -> Column[object]:
    default = text("now()") if required else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("run_id", Text),
    Column("narrative", Text),
    Column("tags", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("tenant", Text),
    Column("data", JSONB, nullable=False),
    _moment("created_at", required=True),
    _moment("fanned_out_at"),
    Index("ix_notices_new", "created_at", postgresql_where=text("fanned_out_at is null")),
    Index("ix_notices_created_at", "created_at"),
)

notice_deliveries = Table(
    "notice_deliveries",
    metadata,
    Column("notice_id", Text, ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True),
    Column("target", Text, primary_key=True),
    Column("status", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("answer", Integer),
    Column("error", Text),
    Column("receipt", Text),
    _moment("due_at", required=True),
    _moment("attempted_at"),
    _moment("finished_at"),
    Index("ix_notice_deliveries_due", "target", "due_at", postgresql_where=text("status = 'pending'")),
    Index("ix_notice_deliveries_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
)

notice_targets = Table(
    "notice_targets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("off_reason", Text),
    Column("holder", Text),
    _moment("since", required=True),
    _moment("off_at"),
    _moment("not_before"),
    _moment("held_until"),
)
