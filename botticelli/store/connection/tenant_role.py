"""Binds a transaction to a tenant: as the role botticelli_api, whose rows the policies of row-level security choose."""

from __future__ import annotations

from sqlalchemy import Connection, text

API_ROLE = "botticelli_api"


def bind_to_tenant(connection: Connection, tenant: str) -> None:
    """Let a transaction see and write only rows of a tenant, until it ends."""
    connection.execute(text("select set_config('botticelli.tenant', :tenant, true)"), {"tenant": tenant})
    connection.execute(text(f"set local role {API_ROLE}"))
