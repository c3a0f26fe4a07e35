"""What a run may cost, and what an iteration is taken to cost."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("max_cost_usd", sa.Numeric(precision=18, scale=6)))
    op.add_column("runs", sa.Column("estimated_cost_usd", sa.Numeric(precision=18, scale=6)))


def downgrade() -> None:
    op.drop_column("runs", "estimated_cost_usd")
    op.drop_column("runs", "max_cost_usd")
