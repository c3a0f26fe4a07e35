"""Records which workers have said lately that they are alive, and with which settings.

A hint for people and for `botticelli run`, never for recovery.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.drivers import SaysReadiness
from botticelli.errors import BotticelliError
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import demands_of, fingerprint

PRESENCE_SECONDS = 10.0
DEAF = "is deaf"
"""Part of what a worker says whose consumer brings nothing any more: only a restart helps."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says of itself beside being alive.

    `demands` and `limits` are fingerprints of its settings, None of a worker of an older version; `ready` says of each
    driver whether it has its key and its SDK.
    """

    worker: str
    demands: str | None = None
    limits: str | None = None
    ready: Mapping[str, bool] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.worker.rpartition(":")[0]


def presence_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker:{worker}"


def facts_key(prefix: str, worker: str) -> str:
    return f"{prefix}:worker-facts:{worker}"


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


def own_facts(runtime: Runtime) -> dict[str, Any]:
    """What this process would say of itself. No key and no setting can be read from it."""
    if runtime.facts is None:
        settings = runtime.settings
        limits = {"providers": {name: one.model_dump_json() for name, one in sorted(settings.providers.items())}}
        runtime.facts = {
            "demands": fingerprint(demands_of(settings)),
            "limits": fingerprint({**limits, "tier": settings.default_tier}, settings.budget),
            "ready": {name: is_ready(runtime, name) for name in runtime.drivers.names()},
        }
    return runtime.facts


def is_ready(runtime: Runtime, driver: str) -> bool:
    """Whether models of this driver can be called from here."""
    try:
        made = runtime.drivers.get(driver)
    except BotticelliError:
        return False
    if not isinstance(made, SaysReadiness):
        return True
    found = made.readiness()
    return not found.sdk_missing and (found.has_key is not False or found.base_url is not None)


def fleet(runtime: Runtime) -> list[WorkerFacts]:
    """The workers that are alive, with what they say of themselves."""
    names = live_workers(runtime)
    keys = [facts_key(runtime.settings.redis.prefix, name) for name in names]
    said = runtime.redis.mget(keys) if keys else []
    return [_read(name, words) for name, words in zip(names, said, strict=True)]


def _read(worker: str, words: bytes | str | None) -> WorkerFacts:
    try:
        facts = json.loads(words or b"{}")
        return WorkerFacts(worker, facts.get("demands"), facts.get("limits"), dict(facts.get("ready", {})))
    except (ValueError, AttributeError, TypeError):
        return WorkerFacts(worker)
