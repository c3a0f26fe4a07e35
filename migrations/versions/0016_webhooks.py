"""Add the table of received webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def _moment(name: str, *, default: bool = True) -> sa.Column[object]:
    now = sa.text("now()") if default else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=now)


def upgrade() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("tenant", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("times", sa.Integer, nullable=False, server_default=sa.text("1")),
        _moment("received_at"),
        _moment("last_received_at"),
        _moment("expires_at", default=False),
    )
    op.create_index("ix_webhook_deliveries_received_at", "webhook_deliveries", ["received_at"])
    op.create_index("ix_webhook_deliveries_expires_at", "webhook_deliveries", ["expires_at"])
    op.execute("alter table webhook_deliveries enable row level security")
    op.execute(
        "create policy botticelli_tenant on webhook_deliveries"
        " using (current_user <> 'botticelli_api' or tenant = current_setting('botticelli.tenant', true))"
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
