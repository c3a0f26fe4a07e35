"""Content tables, with a schema of their own and a role that only reads them; which run needs which media."""

import sqlalchemy as sa
from alembic import op

from botticelli.store.schema.statements import statement

revision = "0006"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_media",
        sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("sha256", sa.Text(), sa.ForeignKey("media.sha256"), primary_key=True),
    )
    op.create_index("ix_run_media_sha256", "run_media", ["sha256"])
    op.create_table(
        "content_tables",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("columns", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("template", sa.Text()),
        sa.Column("narrative", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    )
    op.execute("create schema botticelli_content")
    op.execute(statement("make_reader"))


def downgrade() -> None:
    op.execute("drop schema botticelli_content cascade")
    op.drop_table("content_tables")
    op.drop_table("run_media")
