"""Binds a transaction to a tenant: as the role botticelli_api, whose rows the policies of row-level security choose."""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from botticelli.errors import ServiceUnavailable
from botticelli.store.schema.statements import statement

API_ROLE = "botticelli_api"
BIND = text("select set_config('botticelli.tenant', :tenant, true), set_config('role', :role, true)")
ROLE_ERRORS = ("22023", "42501")
"""SQLSTATE of a role that does not exist, or that this user is no member of."""
USABLE = """
select
  exists (select from pg_roles where rolname = 'botticelli_api')
  and case when exists (select from pg_roles where rolname = 'botticelli_api')
    then pg_has_role(current_user, 'botticelli_api', 'member') and has_table_privilege('botticelli_api', 'runs', 'select')
  end
"""


def bind_to_tenant(connection: Connection, tenant: str) -> None:
    """Let a transaction see and write only rows of a tenant, until it ends."""
    try:
        connection.execute(BIND, {"tenant": tenant, "role": API_ROLE})
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) not in ROLE_ERRORS:
            raise
        raise _unusable(str(connection.engine.url.username)) from None


def prepare_tenant_role(connection: Connection) -> None:
    """Make the role that is bound to, where it is missing. Raises ServiceUnavailable when this user may not make it."""
    connection.execute(statement("make_api_role"))
    if not connection.execute(text(USABLE)).scalar():
        raise _unusable(connection.execute(text("select current_user")).scalar_one())


def _unusable(user: str) -> ServiceUnavailable:
    statements = f'create role {API_ROLE} nologin; grant {API_ROLE} to "{user}"'
    return ServiceUnavailable(
        f"tokens of tenants need the role {API_ROLE}, which the user {user} of the database may not create",
        do=f"let an administrator of the server run: {statements}; then create a token of a tenant",
    )
