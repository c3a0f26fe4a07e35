"""Who moved which lever of a run; the hold of a paused run; what a run waits for; tags, guilds and forks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("hold", sa.Text()))
    op.add_column("runs", sa.Column("waiting_for", JSONB()))
    op.add_column("runs", sa.Column("tags", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column("runs", sa.Column("guilds", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column("runs", sa.Column("forked_from", sa.Text()))
    op.add_column("runs", sa.Column("forked_at", sa.BigInteger()))
    op.create_table(
        "run_levers",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lever", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_run_levers_run", "run_levers", ["run_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("run_levers")
    for column in ("forked_at", "forked_from", "guilds", "tags", "waiting_for", "hold"):
        op.drop_column("runs", column)
