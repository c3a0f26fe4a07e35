"""Loads narratives: builds a draft of each, composes narratives that perform others, and orders their acts.

`load` is the entry point, for files and for text that came over the wire.
"""
