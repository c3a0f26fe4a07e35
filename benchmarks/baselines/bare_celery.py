"""Defines the baseline of the carousel benchmark: a Celery app with the same settings whose task only counts."""

from __future__ import annotations

import os

import redis
from celery import Celery

from botticelli.runtime.celery_app import configured, connected

REDIS_URL = os.environ["BARE_REDIS_URL"]
COUNTER = "bare:done"
QUEUE = "botticelli"

app = connected(configured(Celery("bare", set_as_current=False)), REDIS_URL, "bare")
app.conf.imports = ()
_redis = redis.Redis.from_url(REDIS_URL)


@app.task(name="bare.count")
def count(run_id: str, number: int) -> None:
    """Count, so that the benchmark sees the end; the arguments are those of an iteration."""
    _redis.incr(COUNTER)
