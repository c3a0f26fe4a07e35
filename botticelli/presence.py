"""Which workers have said lately that they are alive. A hint for people and for `botticelli run`, never for recovery."""

from __future__ import annotations

from botticelli.runtime import Runtime

PRESENCE_SECONDS = 10.0
DEAF = "is deaf"
"""Part of what a worker says whose consumer brings nothing any more: only a restart helps."""


def presence_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker:{worker}"


def live_workers(runtime: Runtime) -> list[str]:
    """Host and process of each worker that spoke within the last seconds."""
    pattern = presence_key(runtime.settings.redis.prefix, "*")
    return sorted(key.decode().removeprefix(pattern[:-1]) for key in runtime.redis.scan_iter(pattern, count=1000))


def troubled_workers(runtime: Runtime) -> dict[str, str]:
    """What keeps a living worker from working, in its own words; only those that something does."""
    names = live_workers(runtime)
    keys = [presence_key(runtime.settings.redis.prefix, name) for name in names]
    said = runtime.redis.mget(keys) if keys else []
    return {
        name: str(words, "utf-8") for name, words in zip(names, said, strict=True) if isinstance(words, bytes) and words
    }
