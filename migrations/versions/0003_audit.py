"""The limits in force with each draw, for the audit; temporary lower limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger", sa.Column("shares", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.create_index("ix_ledger_drawn_at", "ledger", ["drawn_at"], unique=False)
    op.create_table(
        "budget_overrides",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_budget_overrides_window", "budget_overrides", ["scope", "window", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("budget_overrides")
    op.drop_index("ix_ledger_drawn_at", table_name="ledger")
    op.drop_column("ledger", "shares")
