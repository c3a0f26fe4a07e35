"""Add the outbox of notices with its deliveries and targets, and the triggers that write it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from botticelli.store.schema.statements import statement

revision = "0003"
down_revision = "0002"


def _moment(name: str, *, required: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if required else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required, server_default=default)


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("narrative", sa.Text),
        sa.Column("tags", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("tenant", sa.Text),
        sa.Column("data", JSONB, nullable=False),
        _moment("created_at", required=True),
        _moment("fanned_out_at"),
    )
    op.create_index("ix_notices_new", "notices", ["created_at"], postgresql_where=sa.text("fanned_out_at is null"))
    op.create_index("ix_notices_created_at", "notices", ["created_at"])
    op.create_table(
        "notice_deliveries",
        sa.Column("notice_id", sa.Text, sa.ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'pending'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("answer", sa.Integer),
        sa.Column("error", sa.Text),
        _moment("due_at", required=True),
        _moment("attempted_at"),
        _moment("finished_at"),
    )
    is_pending = sa.text("status = 'pending'")
    op.create_index("ix_notice_deliveries_due", "notice_deliveries", ["target", "due_at"], postgresql_where=is_pending)
    op.create_table(
        "notice_targets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("off_reason", sa.Text),
        sa.Column("holder", sa.Text),
        _moment("since", required=True),
        _moment("off_at"),
        _moment("not_before"),
        _moment("held_until"),
    )
    op.execute(statement("notice_triggers"))


def downgrade() -> None:
    op.execute(statement("drop_notice_triggers"))
    op.drop_table("notice_deliveries")
    op.drop_table("notice_targets")
    op.drop_table("notices")
