"""Writes and reads the heartbeats of workers: which are alive, whether they report trouble, with which settings they run.

Informs people and `botticelli run`; recovery relies on leases instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.runtime.process import Runtime, worker_name
from botticelli.settings.demands import demands_of, fingerprint

HEARTBEAT_SECONDS = 10.0
"""How long a heartbeat counts."""
STALLED = "is stalled"
"""The words by which a worker reports that its consumer receives nothing any more; only a restart helps."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Holds what a worker reports with its heartbeat.

    `demands`, `limits` and `notify` are fingerprints of its settings, None for a worker of an older version.
    `ready` says for each driver whether its key and its SDK are there; `threads` how much it performs at the same time.
    """

    worker: str
    demands: str | None = None
    limits: str | None = None
    notify: str | None = None
    ready: Mapping[str, bool] = field(default_factory=dict)
    threads: int | None = None

    @property
    def host(self) -> str:
        return self.worker.rpartition(":")[0]


def heartbeat_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker:{worker}"


def report_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker-facts:{worker}"


def live_workers(runtime: Runtime) -> list[str]:
    """Return the names (`HOST:PID`) of all workers whose heartbeat is at most PRESENCE_SECONDS old."""
    pattern = heartbeat_key(runtime.settings.redis.prefix, "*")
    return sorted(key.decode().removeprefix(pattern[:-1]) for key in runtime.redis.scan_iter(pattern, count=1000))


def worker_troubles(runtime: Runtime) -> dict[str, str]:
    """Return the trouble that living workers report, by name; those without trouble are left out."""
    names = live_workers(runtime)
    keys = [heartbeat_key(runtime.settings.redis.prefix, name) for name in names]
    values = runtime.redis.mget(keys) if keys else []
    reports = zip(names, values, strict=True)
    return {name: str(value, "utf-8") for name, value in reports if isinstance(value, bytes) and value}


def own_facts(runtime: Runtime) -> dict[str, Any]:
    """Return what this process reports with its heartbeat; keys and settings can't be read from it."""
    if runtime.facts is None:
        settings = runtime.settings
        limits = {"providers": {name: item.model_dump_json() for name, item in sorted(settings.providers.items())}}
        runtime.facts = {
            "demands": fingerprint(demands_of(settings)),
            "limits": fingerprint({**limits, "tier": settings.default_tier}, settings.budget),
            "notify": fingerprint(*settings.notify),
            "ready": {name: runtime.drivers.is_ready(name) for name in runtime.drivers.names()},
        }
    return runtime.facts


def fleet(runtime: Runtime) -> list[WorkerReport]:
    """Return what each living worker reports."""
    names = live_workers(runtime)
    keys = [report_key(runtime.settings.redis.prefix, name) for name in names]
    values = runtime.redis.mget(keys) if keys else []
    return [_parse_facts(name, value) for name, value in zip(names, values, strict=True)]


def _parse_facts(worker: str, value: bytes | str | None) -> WorkerReport:
    try:
        facts = json.loads(value or b"{}")
        demands, limits, notify = (facts.get(name) for name in ("demands", "limits", "notify"))
        threads = facts.get("threads")
        return WorkerReport(worker, demands, limits, notify, dict(facts.get("ready", {})), threads and int(threads))
    except (ValueError, AttributeError, TypeError):
        return WorkerReport(worker)


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
