"""Provides HTTP for the SDKs: a connection pool, time and size limits, and a record of what was sent and received."""
