"""Serves the app: the sockets, the start, the stop."""
