"""Add schedules and their firings, and the schedule of a run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"


def _moment(name: str, *, required: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)


def _now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _json(name: str, empty: str) -> sa.Column:
    return sa.Column(name, JSONB, nullable=False, server_default=sa.text(f"'{empty}'::jsonb"))


def _texts(name: str) -> sa.Column:
    return sa.Column(name, ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'::text[]"))


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("narrative", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("snapshot", JSONB),
        _json("media", "[]"),
        _json("request", "{}"),
        _json("demands", "[]"),
        sa.Column("applied_from", sa.Text),
        _texts("crons"),
        sa.Column("every_seconds", sa.Float),
        _moment("anchor"),
        sa.Column("timezone", sa.Text, nullable=False),
        _texts("exclude"),
        _moment("starts_at"),
        _moment("ends_at"),
        sa.Column("jitter_seconds", sa.Float, nullable=False, server_default=sa.text("0")),
        sa.Column("overlap", sa.Text, nullable=False),
        sa.Column("catch_up", sa.Text, nullable=False),
        sa.Column("catch_up_seconds", sa.Float, nullable=False),
        sa.Column("max_runs", sa.BigInteger),
        sa.Column("remaining", sa.BigInteger),
        sa.Column("pause_after_failures", sa.Integer),
        _moment("paused_at"),
        sa.Column("paused_by", sa.Text),
        sa.Column("pause_note", sa.Text),
        _moment("resumed_at"),
        _moment("last_nominal", required=True),
        _moment("next_at"),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="schedules_pkey"),
    )
    op.create_index("uq_schedules_name", "schedules", ["name"], unique=True)
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"], postgresql_where=sa.text("next_at is not null"))
    op.create_table(
        "firings",
        sa.Column("schedule_id", sa.Text, nullable=False),
        _moment("nominal_at", required=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False, server_default=sa.text("'schedule'")),
        sa.Column("run_id", sa.Text),
        sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")),
        _now("fired_at"),
        sa.PrimaryKeyConstraint("schedule_id", "nominal_at", name="firings_pkey"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedules.id"], name="firings_schedule_id_fkey", ondelete="CASCADE"),
    )
    op.create_index(
        "ix_firings_buffered",
        "firings",
        ["schedule_id", "nominal_at"],
        postgresql_where=sa.text("action = 'buffered'"),
    )
    op.create_index("ix_firings_fired_at", "firings", ["fired_at"])
    op.add_column("runs", sa.Column("schedule_id", sa.Text))
    op.create_index(
        "ix_runs_schedule",
        "runs",
        ["schedule_id"],
        postgresql_where=sa.text("schedule_id is not null and finished_at is null"),
    )


def downgrade() -> None:
    op.drop_index("ix_runs_schedule", "runs")
    op.drop_column("runs", "schedule_id")
    op.drop_table("firings")
    op.drop_table("schedules")
