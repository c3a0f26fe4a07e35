"""Stores runs and what belongs to them.

Each run has iterations (with leases and tickets), acts, effects and media, and a record of who paused, resumed or
cancelled it.
"""
