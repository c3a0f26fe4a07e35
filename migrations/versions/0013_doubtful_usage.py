"""Whether a call's usage is an estimate because the provider's can't be true, and what a model thought before its answer."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("ledger", "acts")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("usage_doubtful", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("acts", sa.Column("reasoning", sa.Text()))


def downgrade() -> None:
    op.drop_column("acts", "reasoning")
    for table in TABLES:
        op.drop_column(table, "usage_doubtful")
