"""Handles TOML as text, with the line and column of each key; `tomllib` reads the values.

Cuts text into tokens under limits, finds positions, and rewrites a file while it keeps comments and layout.
"""
