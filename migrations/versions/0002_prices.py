"""Add cache writes to the usage of runs, acts and draws; store the price and the estimated cost of a draw."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
COUNTS = ("cache_write_tokens", "cache_write_long_tokens")


def upgrade() -> None:
    for name in COUNTS:
        for table in ("runs", "acts"):
            op.add_column(table, sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
        op.add_column("ledger", sa.Column(name, sa.BigInteger))
    op.add_column("ledger", sa.Column("estimated_cost_usd", sa.Numeric(24, 12)))
    op.add_column("ledger", sa.Column("price", JSONB))
    op.create_index("ix_ledger_unknown", "ledger", ["run_id"], postgresql_where=sa.text("outcome = 'unknown'"))


def downgrade() -> None:
    op.drop_index("ix_ledger_unknown", "ledger")
    op.drop_column("ledger", "price")
    op.drop_column("ledger", "estimated_cost_usd")
    for name in COUNTS:
        for table in ("ledger", "acts", "runs"):
            op.drop_column(table, name)
