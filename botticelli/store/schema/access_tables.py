"""Defines the tables of the HTTP door: its tokens."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from botticelli.store.schema.tables import metadata

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("tenant", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)
"""`sha256` is of the secret, which is stored nowhere. Rows of revoked tokens stay, for the record."""
