"""The entrances: one Celery task per public name of the wire. Ids in, one call, no logic."""

from tasks.canary import canary
from tasks.enqueue import enqueue
from tasks.run_iteration import run_iteration

__all__ = ["canary", "enqueue", "run_iteration"]
