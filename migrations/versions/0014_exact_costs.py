"""Keep costs finer than a millionth of a dollar: a token of a cheap model costs less."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = (
    ("runs", "max_cost_usd"),
    ("runs", "estimated_cost_usd"),
    ("runs", "cost_usd"),
    ("acts", "cost_usd"),
    ("ledger", "cost_usd"),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.alter_column(table, column, type_=sa.Numeric(24, 12))


def downgrade() -> None:
    for table, column in COLUMNS:
        op.alter_column(table, column, type_=sa.Numeric(18, 6))
