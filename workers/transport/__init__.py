"""Connects Celery to Redis: judges queue entries before Celery sees them, and takes iterations in batches.

A lost Redis ends no worker.
"""
