"""The connection to Postgres: its pool, the limits of its sessions, and the version of the schema."""
