"""Says that a worker is alive, so that others know whether one is. Decides nothing by it: leases do."""

from __future__ import annotations

import json
import os
import socket

from botticelli.runtime.heartbeats import PRESENCE_SECONDS, facts_key, own_facts, presence_key
from botticelli.runtime.process import Runtime


def worker_name(pid: int | None = None) -> str:
    """Host and process, as it stands in the rows of what this worker holds; `pid`: of a child of it."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


def announce(runtime: Runtime, trouble: str = "") -> None:
    """`trouble`: one line that says what keeps it from working; no secret."""
    prefix, lasts_ms = runtime.settings.redis.prefix, round(PRESENCE_SECONDS * 1000)
    with runtime.redis.pipeline(transaction=False) as together:
        together.set(presence_key(prefix, worker_name()), trouble, px=lasts_ms)
        together.set(facts_key(prefix, worker_name()), json.dumps(own_facts(runtime)), px=lasts_ms)
        together.execute()


def depart(runtime: Runtime) -> None:
    prefix = runtime.settings.redis.prefix
    runtime.redis.delete(presence_key(prefix, worker_name()), facts_key(prefix, worker_name()))
