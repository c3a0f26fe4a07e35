"""Provides helpers for several test folders: waiting for a condition, real processes, short narratives."""
