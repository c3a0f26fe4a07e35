"""Checks a narrative before it becomes a run: models, limits, commands, media, tables, options.

Stores nothing and performs nothing.
"""
