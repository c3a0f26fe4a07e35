"""Add what metrics count by: totals that outlive rows, when a call was recorded and why it failed, and indexes of ends."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from botticelli.store.schema.statements import statement

revision = "0015"
down_revision = "0014"

ENDS = {
    "iterations": "finished_at",
    "runs": "finished_at",
    "effects": "finished_at",
    "notice_deliveries": "finished_at",
}
OPEN_EFFECTS = "status in ('waiting', 'approved', 'intended', 'unknown')"


def _moment(name: str, *, default: str | None = None) -> sa.Column[object]:
    server_default = sa.text(default) if default else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=server_default)


def upgrade() -> None:
    op.create_table(
        "metric_totals",
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("labels", ARRAY(sa.Text), primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True),
        sa.Column("value", sa.Numeric, nullable=False),
        _moment("first_at", default="clock_timestamp()"),
    )
    op.create_table("metric_marks", sa.Column("source", sa.Text, primary_key=True), _moment("counted_until"))
    op.create_table(
        "budget_waits",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("window", sa.Text, nullable=False),
        sa.Column("waited_seconds", sa.Float),
        _moment("at", default="clock_timestamp()"),
    )
    op.create_index("ix_budget_waits_at", "budget_waits", ["at"])
    op.add_column("ledger", sa.Column("failure", sa.Text))
    op.add_column("ledger", sa.Column("recorded_at", sa.DateTime(timezone=True)))
    is_recorded = sa.text("recorded_at is not null")
    op.create_index("ix_ledger_recorded_at", "ledger", ["recorded_at"], postgresql_where=is_recorded)
    for table, column in ENDS.items():
        is_ended = sa.text(f"{column} is not null")
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=is_ended)
    is_open = sa.text("finished_at is null")
    op.create_index("ix_runs_unfinished", "runs", ["created_at", "status"], postgresql_where=is_open)
    op.create_index("ix_effects_open", "effects", ["status"], postgresql_where=sa.text(OPEN_EFFECTS))
    op.execute(statement("metric_triggers"))


def downgrade() -> None:
    op.execute(statement("drop_metric_triggers"))
    op.drop_index("ix_effects_open", "effects")
    op.drop_index("ix_runs_unfinished", "runs")
    for table, column in ENDS.items():
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_index("ix_ledger_recorded_at", "ledger")
    op.drop_column("ledger", "recorded_at")
    op.drop_column("ledger", "failure")
    op.drop_table("budget_waits")
    op.drop_table("metric_marks")
    op.drop_table("metric_totals")
