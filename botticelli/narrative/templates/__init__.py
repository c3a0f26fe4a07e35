"""Parses references in texts and filters of rows, and fills in their values as data, never expanded twice.

Runs no SQL and fetches nothing.
"""
