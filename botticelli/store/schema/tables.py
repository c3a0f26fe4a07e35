"""Defines the tables, for SQLAlchemy and for the comparison with migrations/."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

metadata = MetaData()


def _moment(name: str, *, required: bool = False) -> Column[object]:
    """Make a column for a point in time; Postgres sets `required` ones, since only its clock judges leases."""
    if required:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=text("now()"))
    return Column(name, DateTime(timezone=True))


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("narrative", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("snapshot", JSONB, nullable=False),
    Column("variables", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("request_sha256", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("ending", Text),
    Column("hold", Text),
    Column("reason", Text),
    Column("waiting_for", JSONB),
    Column("tags", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("guilds", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("forked_from", Text),
    Column("forked_at", BigInteger),
    Column("schedule_id", Text),
    Column("iterations", BigInteger, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("continue_on_error", Boolean, nullable=False),
    Column("on_budget_exhausted", Text, nullable=False),
    Column("max_wait_seconds", Float),
    Column("max_tokens_total", BigInteger),
    Column("max_cost_usd", Numeric(24, 12)),
    Column("estimated_cost_usd", Numeric(24, 12)),
    Column("estimated_tokens", BigInteger, nullable=False),
    Column("estimates", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("retries", Integer, nullable=False),
    Column("rehearse", Boolean, nullable=False, server_default=text("false")),
    Column("demands", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    _count("dispatched"),
    _count("succeeded"),
    _count("failed"),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("output_tokens"),
    _count("reasoning_tokens"),
    _count("cache_write_tokens"),
    _count("cache_write_long_tokens"),
    Column("cost_usd", Numeric(24, 12)),
    Column("rows", BigInteger),
    Column("iterations_ready", BigInteger),
    Column("rows_copier", Text),
    Column("tenant", Text, Computed("snapshot #>> '{run_options,tenant}'", persisted=True)),
    _moment("rows_lease_until"),
    _moment("due_at"),
    _moment("waiting_since"),
    _moment("created_at", required=True),
    _moment("started_at"),
    _moment("finished_at"),
    Index("ix_runs_due_at", "due_at", postgresql_where=text("due_at is not null")),
    Index("ix_runs_created_at", "created_at"),
    Index("ix_runs_tenant", "tenant", "created_at", postgresql_where=text("tenant is not null")),
    Index("ix_runs_status", "status", "created_at"),
    Index("ix_runs_narrative", "narrative", "created_at"),
    Index(
        "ix_runs_schedule",
        "schedule_id",
        postgresql_where=text("schedule_id is not null and finished_at is null"),
    ),
    Index("ix_runs_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
    Index("ix_runs_unfinished", "created_at", "status", postgresql_where=text("finished_at is null")),
)

run_actions = Table(
    "run_actions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_run_actions_run", "run_id", "id"),
)

iterations = Table(
    "iterations",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("fencing_token", BigInteger, nullable=False, server_default=text("0")),
    Column("worker", Text),
    Column("ticket", JSONB),
    Column("publishes", Integer, nullable=False, server_default=text("0")),
    Column("retries_used", Integer, nullable=False, server_default=text("0")),
    Column("lost_count", Integer, nullable=False, server_default=text("0")),
    Column("parked_for", Text),
    Column("error", Text),
    _moment("lease_until"),
    _moment("due_at"),
    _moment("created_at", required=True),
    _moment("started_at"),
    _moment("finished_at"),
    Index("ix_iterations_due_at", "due_at", postgresql_where=text("status = 'queued' and ticket is not null")),
    Index("ix_iterations_lease_until", "lease_until", postgresql_where=text("status = 'running'")),
    Index(
        "ix_iterations_finished", "run_id", "finished_at", "number", postgresql_where=text("finished_at is not null")
    ),
    Index("ix_iterations_failed", "run_id", postgresql_where=text("status = 'failed'")),
    Index("ix_iterations_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
    Index("ix_iterations_open", "run_id", "number", postgresql_where=text("status in ('queued', 'running')")),
)

run_items = Table(
    "run_items",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("row", JSON, nullable=False),
    Index("ix_run_items_key", "key", "run_id"),
)

run_bad_rows = Table(
    "run_bad_rows",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True, server_default=text("1")),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("prompt", Text),
    Column("output", Text),
    Column("raw_output", Text),
    Column("reasoning", Text),
    Column("warning", Text),
    Column("error", Text),
    Column("verdict", Text),
    Column("model", Text),
    Column("finish_reason", Text),
    Column("history_text", Text),
    _count("input_tokens"),
    _count("cached_tokens"),
    _count("output_tokens"),
    _count("reasoning_tokens"),
    _count("cache_write_tokens"),
    _count("cache_write_long_tokens"),
    Column("usage_doubtful", Boolean, nullable=False, server_default=text("false")),
    Column("cost_usd", Numeric(24, 12)),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("repairs", Integer, nullable=False, server_default=text("0")),
    Column("fencing_token", BigInteger, nullable=False),
    _moment("started_at"),
    _moment("drawn_at"),
    _moment("settled_at"),
    _moment("finished_at", required=True),
    ForeignKeyConstraint(["run_id", "number"], ["iterations.run_id", "iterations.number"], ondelete="CASCADE"),
    Index("ix_acts_review", "run_id", postgresql_where=text("verdict = 'review'")),
)

accepted_texts = Table(
    "accepted_texts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("column_key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("accepted_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    ForeignKeyConstraint(["run_id", "number"], ["iterations.run_id", "iterations.number"], ondelete="CASCADE"),
    Index("ix_accepted_texts_column", "column_key", "accepted_at"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("act", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("args", JSONB, nullable=False),
    Column("prepared_args", JSONB),
    Column("status", Text, nullable=False),
    Column("output", JSONB),
    Column("error", Text),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("fencing_token", BigInteger, nullable=False),
    Column("capture", JSONB),
    Column("resolution", Text),
    Column("resolved_by", Text),
    Column("decided_by", Text),
    Column("decision_reason", Text),
    _moment("intended_at", required=True),
    _moment("finished_at"),
    _moment("resolved_at"),
    _moment("decided_at"),
    _moment("expires_at"),
    Index("ix_effects_run", "run_id", "number"),
    Index("ix_effects_unknown", "intended_at", postgresql_where=text("status = 'unknown'")),
    Index("ix_effects_waiting", "intended_at", postgresql_where=text("status = 'waiting'")),
    Index("ix_effects_intended_at", "intended_at"),
    Index("ix_effects_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
    Index(
        "ix_effects_open",
        "status",
        postgresql_where=text("status in ('waiting', 'approved', 'intended', 'unknown')"),
    ),
    Index("ix_effects_command", "platform", "command", "intended_at"),
)

narrative_state = Table(
    "narrative_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    _moment("created_at", required=True),
    _moment("updated_at", required=True),
    _moment("expires_at"),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_narrative_state_prefix", "key", postgresql_ops={"key": "text_pattern_ops"}),
)

ledger = Table(
    "ledger",
    metadata,
    Column("draw_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("narrative", Text, nullable=False, server_default=text("''")),
    Column("act", Text, nullable=False),
    Column("model", Text, nullable=False, server_default=text("''")),
    Column("attempt", Integer, nullable=False),
    Column("scope", Text, nullable=False),
    Column("shares", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("outcome", Text, nullable=False),
    Column("is_repair", Boolean, nullable=False, server_default=text("false")),
    Column("estimated_tokens", BigInteger, nullable=False),
    Column("estimated_cost_usd", Numeric(24, 12)),
    Column("input_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("cache_write_long_tokens", BigInteger),
    Column("usage_doubtful", Boolean, nullable=False, server_default=text("false")),
    Column("cost_usd", Numeric(24, 12)),
    Column("price", JSONB),
    Column("failure", Text),
    _moment("drawn_at", required=True),
    _moment("settled_at"),
    _moment("recorded_at"),
    Index("ix_ledger_scope_drawn_at", "scope", "drawn_at"),
    Index("ix_ledger_drawn_at", "drawn_at"),
    Index("ix_ledger_run", "run_id", "number"),
    Index("ix_ledger_recorded_at", "recorded_at", postgresql_where=text("recorded_at is not null")),
    Index("ix_ledger_unknown", "run_id", postgresql_where=text("outcome = 'unknown'")),
    Index("ix_ledger_act", "narrative", "act", "model", "settled_at", postgresql_where=text("outcome = 'settled'")),
)

budget_overrides = Table(
    "budget_overrides",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("scope", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("limit", BigInteger),
    Column("reason", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    _moment("set_at", required=True),
    _moment("until"),
    Index("ix_budget_overrides_window", "scope", "window", "id"),
)

probes = Table(
    "probes",
    metadata,
    Column("queue", Text, primary_key=True),
    _moment("requested_at", required=True),
    _moment("published_at", required=True),
    Column("publishes", Integer, nullable=False, server_default=text("1")),
    _moment("answered_at"),
    Column("worker", Text),
)

duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),
    _moment("taken_at", required=True),
    Column("worker", Text, nullable=False),
)

learned_limits = Table(
    "learned_limits",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("limit", BigInteger, nullable=False),
    _moment("learned_at", required=True),
)

media = Table(
    "media",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("mime", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    _moment("created_at", required=True),
)

run_media = Table(
    "run_media",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", Text, ForeignKey("media.sha256"), primary_key=True),
    Index("ix_run_media_sha256", "sha256"),
)

content_tables = Table(
    "content_tables",
    metadata,
    Column("name", Text, primary_key=True),
    Column("columns", JSONB, nullable=False),
    Column("template", Text),
    Column("narrative", Text, nullable=False),
    _moment("created_at", required=True),
)
