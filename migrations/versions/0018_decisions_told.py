"""Tell decisions on effects, and keep what a receiver calls a notice."""

import sqlalchemy as sa
from alembic import op

from botticelli.store.schema.statements import statement

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("notice_deliveries", sa.Column("receipt", sa.Text))
    op.execute(statement("decision_notice"))


def downgrade() -> None:
    op.execute(statement("drop_decision_notice"))
    op.drop_column("notice_deliveries", "receipt")
