"""Iterations that wait until a person approves or rejects an effect, while others of their run go on."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("iterations", sa.Column("parked_for", sa.Text()))


def downgrade() -> None:
    op.drop_column("iterations", "parked_for")
