"""What this process says of itself: log fields, events of runs, failpoints for tests.

The lowest room: texts lose their secrets here before anybody reads them, so even the errors stand on it.
"""
