"""References in texts and filters of rows: parsed once, filled in as data, never expanded twice.

Runs no SQL and fetches nothing.
"""
