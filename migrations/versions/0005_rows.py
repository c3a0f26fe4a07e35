"""Add the rows of a run: how many there are, how many are copied, the rows themselves, and those that were left out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("runs", sa.Column("rows", sa.BigInteger))
    op.add_column("runs", sa.Column("iterations_ready", sa.BigInteger))
    op.add_column("runs", sa.Column("rows_copier", sa.Text))
    op.add_column("runs", sa.Column("rows_lease_until", sa.DateTime(timezone=True)))
    op.create_table(
        "run_items",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("row", JSON, nullable=False),
    )
    op.create_index("ix_run_items_key", "run_items", ["key", "run_id"])
    op.create_table(
        "run_bad_rows",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("line", sa.BigInteger, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("run_bad_rows")
    op.drop_table("run_items")
    for name in ("rows_lease_until", "rows_copier", "iterations_ready", "rows"):
        op.drop_column("runs", name)
