"""Effects that a person resolves, and runs that only rehearse."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("rehearse", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("effects", sa.Column("capture", JSONB()))
    op.add_column("effects", sa.Column("resolution", sa.Text()))
    op.add_column("effects", sa.Column("resolved_by", sa.Text()))
    op.add_column("effects", sa.Column("resolved_at", sa.DateTime(timezone=True)))
    op.create_index("ix_effects_unknown", "effects", ["intended_at"], postgresql_where=sa.text("status = 'unknown'"))
    op.create_index("ix_effects_command", "effects", ["platform", "command", "intended_at"])


def downgrade() -> None:
    op.drop_index("ix_effects_command", table_name="effects")
    op.drop_index("ix_effects_unknown", table_name="effects")
    for column in ("resolved_at", "resolved_by", "resolution", "capture"):
        op.drop_column("effects", column)
    op.drop_column("runs", "rehearse")
