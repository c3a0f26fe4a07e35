"""Let tokens of a tenant see only the rows of its runs and schedules: row-level security."""

import sqlalchemy as sa
from alembic import op

from botticelli.store.schema.statements import statement

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    of_run = sa.Computed("snapshot #>> '{run_options,tenant}'", persisted=True)
    op.add_column("runs", sa.Column("tenant", sa.Text, of_run))
    op.add_column("schedules", sa.Column("tenant", sa.Text, sa.Computed("request ->> 'tenant'", persisted=True)))
    is_set = sa.text("tenant is not null")
    op.create_index("ix_runs_tenant", "runs", ["tenant", "created_at"], postgresql_where=is_set)
    op.execute(statement("tenant_policies"))
    op.execute(statement("make_api_role"))


def downgrade() -> None:
    op.execute(statement("drop_tenant_policies"))
    op.drop_index("ix_runs_tenant", "runs")
    op.drop_column("schedules", "tenant")
    op.drop_column("runs", "tenant")
