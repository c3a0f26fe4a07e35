"""Let two tenants have schedules of the same name."""

from alembic import op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.drop_index("uq_schedules_name", "schedules")
    whose = text("coalesce(request ->> 'tenant', '')")
    op.create_index("uq_schedules_name", "schedules", ["name", whose], unique=True)


def downgrade() -> None:
    op.drop_index("uq_schedules_name", "schedules")
    op.create_index("uq_schedules_name", "schedules", ["name"], unique=True)
