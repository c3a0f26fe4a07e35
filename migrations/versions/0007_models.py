"""What real models bring: reasoning tokens, repaired answers, warnings, and the limits that providers' headers name."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("runs", "acts"):
        op.add_column(table, sa.Column("reasoning_tokens", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("ledger", sa.Column("reasoning_tokens", sa.BigInteger))
    op.add_column("acts", sa.Column("raw_output", sa.Text))
    op.add_column("acts", sa.Column("warning", sa.Text))
    op.create_table(
        "learned_limits",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("limit", sa.BigInteger, nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("learned_limits")
    op.drop_column("acts", "warning")
    op.drop_column("acts", "raw_output")
    op.drop_column("ledger", "reasoning_tokens")
    for table in ("acts", "runs"):
        op.drop_column(table, "reasoning_tokens")
