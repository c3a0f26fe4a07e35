"""The tables, the statements of queries/, and what Postgres refuses in one line."""
