"""Supplies what narratives are read from: size-limited texts, media and the environment.

Also collects the problems that are found in a file, each with its line and column.
"""
