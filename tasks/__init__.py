"""Defines one Celery task per public task name. Each takes ids and makes one call."""

from tasks.enqueue import enqueue
from tasks.probe import probe
from tasks.run_iteration import run_iteration

__all__ = ["enqueue", "probe", "run_iteration"]
