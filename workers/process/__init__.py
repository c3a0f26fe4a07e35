"""The life of a worker process: checks its servers, starts the sweep, hands back what it can't finish, ends in time."""
