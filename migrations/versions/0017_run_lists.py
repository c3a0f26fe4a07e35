"""Add indexes by which runs are found by status and by narrative, however many have ended."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_runs_status", "runs", ["status", "created_at"])
    op.create_index("ix_runs_narrative", "runs", ["narrative", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_runs_narrative", "runs")
    op.drop_index("ix_runs_status", "runs")
