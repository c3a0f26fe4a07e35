"""Defines one Celery task per public task name. Each takes ids and makes one call."""

from tasks.canary import canary
from tasks.enqueue import enqueue
from tasks.run_iteration import run_iteration

__all__ = ["canary", "enqueue", "run_iteration"]
