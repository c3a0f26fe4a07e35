"""Says that a worker is alive, so that others know whether one is. Decides nothing by it: leases do."""

from __future__ import annotations

import os
import socket

from botticelli.presence import PRESENCE_SECONDS, presence_key
from botticelli.runtime import Runtime


def worker_name(pid: int | None = None) -> str:
    """Host and process, as it stands in the rows of what this worker holds; `pid`: of a child of it."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


def announce(runtime: Runtime, trouble: str = "") -> None:
    """`trouble`: one line that says what keeps it from working; no secret."""
    key = presence_key(runtime.settings.redis.prefix, worker_name())
    runtime.redis.set(key, trouble, px=round(PRESENCE_SECONDS * 1000))


def depart(runtime: Runtime) -> None:
    runtime.redis.delete(presence_key(runtime.settings.redis.prefix, worker_name()))
