"""What the settings demand that a run was enqueued with; they hold on whatever worker performs it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    none = sa.text("'[]'::jsonb")
    op.add_column("runs", sa.Column("demands", JSONB(), nullable=False, server_default=none))


def downgrade() -> None:
    op.drop_column("runs", "demands")
