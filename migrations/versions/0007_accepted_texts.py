"""Keep the texts that gates accepted as unique, so that iterations at the same time accept no copies of each other."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "accepted_texts",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("item", sa.Integer, primary_key=True),
        sa.Column("column_key", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column(
            "accepted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.ForeignKeyConstraint(["run_id", "number"], ["iterations.run_id", "iterations.number"], ondelete="CASCADE"),
    )
    op.create_index("ix_accepted_texts_column", "accepted_texts", ["column_key", "accepted_at"])


def downgrade() -> None:
    op.drop_table("accepted_texts")
