"""Store each attempt of an act as a row of its own, and what became of an answer that its gate did not accept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
KEY = ["run_id", "number", "position", "turn"]


def upgrade() -> None:
    op.add_column("acts", sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("1")))
    op.add_column("acts", sa.Column("verdict", sa.Text))
    op.drop_constraint("acts_pkey", "acts")
    op.create_primary_key("acts_pkey", "acts", [*KEY, "attempt"])


def downgrade() -> None:
    op.execute("delete from acts where status = 'rejected'")
    op.drop_constraint("acts_pkey", "acts")
    op.create_primary_key("acts_pkey", "acts", KEY)
    op.drop_column("acts", "verdict")
    op.drop_column("acts", "attempt")
