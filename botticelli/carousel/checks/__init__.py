"""Finds what is wrong with a narrative before a run of it exists: models, limits, commands, media, tables, options.

Stores nothing and performs nothing.
"""
