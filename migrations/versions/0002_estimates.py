"""Estimates of each act with the run, and what the ledger needs to learn them: the narrative and the model of a draw."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("estimates", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.add_column("ledger", sa.Column("narrative", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("ledger", sa.Column("model", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index(
        "ix_ledger_act",
        "ledger",
        ["narrative", "act", "model", "settled_at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'settled'"),
    )


def downgrade() -> None:
    op.drop_index("ix_ledger_act", table_name="ledger")
    op.drop_column("ledger", "model")
    op.drop_column("ledger", "narrative")
    op.drop_column("runs", "estimates")
