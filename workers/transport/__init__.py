"""Between Celery and Redis: entries of a queue are judged before Celery sees them, and taken and acknowledged in batches.

A lost Redis ends no worker.
"""
