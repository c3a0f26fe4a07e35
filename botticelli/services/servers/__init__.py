"""The embedded Postgres and Redis: their programs, how each is started and asked. Holds no process."""
