"""Keep the prepared arguments of an effect that was edited when it was approved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("effects", sa.Column("prepared_args", JSONB))


def downgrade() -> None:
    op.drop_column("effects", "prepared_args")
