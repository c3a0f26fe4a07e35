"""Defines the tables of schedules: what fires when, and what each nominal time came to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Computed, DateTime, Float, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from botticelli.store.schema.tables import metadata


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


schedules = Table(
    "schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("narrative", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("snapshot", JSONB),
    Column("media", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("request", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("demands", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("applied_from", Text),
    Column("crons", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("every_seconds", Float),
    _moment("anchor"),
    Column("timezone", Text, nullable=False),
    Column("exclude", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    _moment("starts_at"),
    _moment("ends_at"),
    Column("jitter_seconds", Float, nullable=False, server_default=text("0")),
    Column("overlap", Text, nullable=False),
    Column("catch_up", Text, nullable=False),
    Column("catch_up_seconds", Float, nullable=False),
    Column("max_runs", BigInteger),
    Column("remaining", BigInteger),
    Column("pause_after_failures", Integer),
    _moment("paused_at"),
    Column("paused_by", Text),
    Column("pause_note", Text),
    _moment("resumed_at"),
    Column("last_nominal", DateTime(timezone=True), nullable=False),
    _moment("next_at"),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("tenant", Text, Computed("request ->> 'tenant'", persisted=True)),
    Index("uq_schedules_name", "name", text("coalesce(request ->> 'tenant', '')"), unique=True),
    Index("ix_schedules_next_at", "next_at", postgresql_where=text("next_at is not null")),
)
"""`snapshot` is null for a live schedule, whose narrative is read again each time. `media` are hashes of its files."""

firings = Table(
    "firings",
    metadata,
    Column("schedule_id", Text, ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True),
    Column("nominal_at", DateTime(timezone=True), primary_key=True),
    Column("action", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default=text("'schedule'")),
    Column("run_id", Text),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("fired_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("ix_firings_buffered", "schedule_id", "nominal_at", postgresql_where=text("action = 'buffered'")),
    Index("ix_firings_fired_at", "fired_at"),
)
"""`origin` is schedule, trigger or backfill."""
