"""Which workers have said lately that they are alive. A hint for people and for `botticelli run`, never for recovery."""

from __future__ import annotations

from botticelli.runtime import Runtime

PRESENCE_SECONDS = 10.0


def presence_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker:{worker}"


def live_workers(runtime: Runtime) -> list[str]:
    """Host and process of each worker that spoke within the last seconds."""
    pattern = presence_key(runtime.settings.redis.prefix, "*")
    return sorted(key.decode().removeprefix(pattern[:-1]) for key in runtime.redis.scan_iter(pattern, count=1000))
