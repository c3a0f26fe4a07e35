"""Index how far a run is: its iterations in the order in which they finished, and those that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    finished = sa.text("finished_at is not null")
    op.create_index(
        "ix_iterations_finished", "iterations", ["run_id", "finished_at", "number"], postgresql_where=finished
    )
    op.create_index("ix_iterations_failed", "iterations", ["run_id"], postgresql_where=sa.text("status = 'failed'"))


def downgrade() -> None:
    op.drop_index("ix_iterations_failed", "iterations")
    op.drop_index("ix_iterations_finished", "iterations")
