"""How many workers an iteration was lost by; the canary of each queue; which worker took a duty of the fleet last."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("iterations", sa.Column("losses", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "canaries",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("publishes", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("worker", sa.Text()),
        sa.PrimaryKeyConstraint("queue"),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("duties")
    op.drop_table("canaries")
    op.drop_column("iterations", "losses")
