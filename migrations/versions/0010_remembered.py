"""What later acts see of an act, where it is less than all."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("acts", sa.Column("remembered", sa.Text()))


def downgrade() -> None:
    op.drop_column("acts", "remembered")
