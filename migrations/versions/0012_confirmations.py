"""Effects that a person approves or rejects before they are performed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("decided_by", "decision_reason", "decided_at", "expires_at")


def upgrade() -> None:
    op.add_column("effects", sa.Column("decided_by", sa.Text()))
    op.add_column("effects", sa.Column("decision_reason", sa.Text()))
    op.add_column("effects", sa.Column("decided_at", sa.DateTime(timezone=True)))
    op.add_column("effects", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.create_index("ix_effects_waiting", "effects", ["intended_at"], postgresql_where=sa.text("status = 'waiting'"))
    op.create_index("ix_effects_intended_at", "effects", ["intended_at"])


def downgrade() -> None:
    op.drop_index("ix_effects_intended_at", table_name="effects")
    op.drop_index("ix_effects_waiting", table_name="effects")
    op.execute("delete from effects where status in ('waiting', 'approved', 'rejected')")
    for column in reversed(COLUMNS):
        op.drop_column("effects", column)
