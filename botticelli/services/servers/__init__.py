"""Provides the embedded Postgres and Redis: their programs, how each is started and queried. Holds no process."""
