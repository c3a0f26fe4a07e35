"""Connects Celery to Redis: judges queue entries before Celery sees them, and takes and acknowledges them in batches.

A lost Redis ends no worker.
"""
