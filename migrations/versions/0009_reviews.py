"""Index the acts whose answers wait for a person's review."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_acts_review", "acts", ["run_id"], postgresql_where=sa.text("verdict = 'review'"))


def downgrade() -> None:
    op.drop_index("ix_acts_review", "acts")
