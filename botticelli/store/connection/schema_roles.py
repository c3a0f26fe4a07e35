"""Makes the roles of the schema again where a restored backup has lost them, with what they may do."""

from __future__ import annotations

from sqlalchemy import Connection, text

from botticelli.store.schema.statements import statement

GRANTED = text("""
select count(distinct rolname) = 2
from pg_namespace, aclexplode(nspacl) as granted
join pg_roles on pg_roles.oid = granted.grantee
where nspname = 'botticelli_content' and rolname in ('botticelli_reader', 'botticelli_api')
""")
"""Whether both roles may use the schema of content tables: the last of what is granted to each with the schema."""


def restore_roles(connection: Connection) -> None:
    """Make the roles and grants that are missing, as far as this user may. Call it under the lock of migrations."""
    if not connection.execute(GRANTED).scalar():
        connection.execute(statement("make_reader"))
        connection.execute(statement("make_api_role"))
