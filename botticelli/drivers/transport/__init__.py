"""The HTTP under an SDK: a pool of connections, limits of time and size, and a note of what was sent and received."""
