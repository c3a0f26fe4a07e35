"""Content rows that rehearsals have generated leave the review queue."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SCHEMA = "botticelli_content"


def upgrade() -> None:
    move(op.get_bind(), "pending", "rehearsed")


def downgrade() -> None:
    move(op.get_bind(), "rehearsed", "pending")


def move(connection: sa.Connection, before: str, after: str) -> None:
    """In every content table, the rows of runs that were rehearsals."""
    quote = connection.dialect.identifier_preparer.quote
    for name in connection.execute(sa.text("select name from content_tables")).scalars():
        words = f"update {SCHEMA}.{quote(name)} set review_status = :after where review_status = :before"  # noqa: S608 (the name is quoted, the values are bound)
        rehearsals = "source_run in (select id from runs where rehearse)"
        connection.execute(sa.text(f"{words} and {rehearsals}"), {"before": before, "after": after})
