"""Runs the life of a worker process: checks its servers, starts the sweep, and shuts down in time."""
