"""Writes the heartbeat of a worker, so that others know it is alive. Recovery relies on leases instead."""

from __future__ import annotations

import json
import os
import socket

from botticelli.runtime.heartbeats import HEARTBEAT_SECONDS, heartbeat_key, own_facts, report_key
from botticelli.runtime.process import Runtime


def worker_name(pid: int | None = None) -> str:
    """Return `HOST:PID`, the name in the rows that this worker holds; `pid` is that of a child process."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


def announce(runtime: Runtime, trouble: str = "") -> None:
    """Send the heartbeat of this worker. `trouble` is one line on what keeps it from working, without secrets."""
    prefix, lasts_ms = runtime.settings.redis.prefix, round(HEARTBEAT_SECONDS * 1000)
    with runtime.redis.pipeline(transaction=False) as together:
        together.set(heartbeat_key(prefix, worker_name()), trouble, px=lasts_ms)
        together.set(report_key(prefix, worker_name()), json.dumps(own_facts(runtime)), px=lasts_ms)
        together.execute()


def depart(runtime: Runtime) -> None:
    """Remove the heartbeat of this worker."""
    prefix = runtime.settings.redis.prefix
    runtime.redis.delete(heartbeat_key(prefix, worker_name()), report_key(prefix, worker_name()))
