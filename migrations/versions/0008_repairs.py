"""Mark the repair calls of typed answers in the ledger, and count them in acts."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("is_repair", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("acts", sa.Column("repairs", sa.Integer, nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    op.drop_column("acts", "repairs")
    op.drop_column("ledger", "is_repair")
