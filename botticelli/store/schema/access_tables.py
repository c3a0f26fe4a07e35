"""Defines the tables of the HTTP door: its tokens, and its answers to requests with an idempotency key."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

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

http_answers = Table(
    "http_answers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("status", Integer),
    Column("headers", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("body", JSON),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("ix_http_answers_expires_at", "expires_at"),
)
"""`owner` is who shares the key: a tenant, or empty. `status` is null while the request is being performed."""
