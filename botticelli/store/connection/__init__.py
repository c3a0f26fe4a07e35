"""Connects to Postgres: the pool and its dead connections, the limits of each session, the version of the schema.

Knows no table by name.
"""
