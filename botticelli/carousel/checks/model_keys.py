"""Finds the workers that can call the models of a run, and refuses a run without any. Never sees a key."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from redis.exceptions import RedisError

from botticelli.carousel.plan.planned_calls import Call, Plan
from botticelli.drivers import ReportsReadiness
from botticelli.errors import NotHere
from botticelli.runtime.heartbeats import WorkerReport, fleet
from botticelli.runtime.process import Runtime


def key_notes(runtime: Runtime, plan: Plan, *, worker_here: bool) -> list[str]:
    """Warn of each provider of a plan that can't be called from here, with the workers that can.

    Raises NotHere if the worker would be on this machine, which can't call it either. A fallback model of the act that can
    be called is enough.
    """
    lacking = [call for call in plan.values() if not runtime.drivers.is_ready(call.model.provider)]
    workers = _fleet(runtime)
    is_here = _is_here(workers, worker_here=worker_here)
    for call in lacking:
        if is_here and not any(runtime.drivers.is_ready(name) or _have(workers, name) for name in _providers(call)):
            provider = call.model.provider
            raise NotHere(
                f"{provider}: {_lack(runtime, provider)} here, and no worker has it", do=_do(runtime, provider)
            )
    names = dict.fromkeys(call.model.provider for call in lacking)
    return [f"{name}: {_lack(runtime, name)} here; {_elsewhere(workers, name)}" for name in names]


def readiness_notes(runtime: Runtime, plan: Plan) -> list[str]:
    """Return a warning for each provider that can't be called from here. Workers elsewhere may have what is missing."""
    calls = [option for call in plan.values() for option in (call, *call.fallbacks)]
    notes = []
    for name in dict.fromkeys(call.model.provider for call in calls):
        driver = runtime.drivers.get(name)
        if not isinstance(driver, ReportsReadiness):
            continue
        readiness = driver.readiness()
        if readiness.sdk_missing:
            notes.append(f"{name}: its SDK is not installed here; workers need it: {readiness.sdk_missing}")
        elif readiness.has_key is False and readiness.base_url is None:
            notes.append(f"{name}: {' or '.join(readiness.key_names)} is not set here; workers need it")
    return notes


def _fleet(runtime: Runtime) -> list[WorkerReport]:
    try:
        return fleet(runtime)
    except RedisError:
        return []


def _is_here(workers: Sequence[WorkerReport], *, worker_here: bool) -> bool:
    """Return whether a worker of this machine would perform the run: a live one, or the one to be started."""
    if not workers:
        return worker_here
    return all(worker.host == socket.gethostname() and worker.demands is not None for worker in workers)


def _providers(call: Call) -> list[str]:
    return [option.model.provider for option in (call, *call.fallbacks)]


def _have(workers: Sequence[WorkerReport], provider: str) -> list[str]:
    return [worker.worker for worker in workers if worker.ready.get(provider)]


def _elsewhere(workers: Sequence[WorkerReport], provider: str) -> str:
    have = _have(workers, provider)
    if have:
        return f"workers that have it: {', '.join(have)}"
    if workers:
        return (
            f"none of the workers that are alive says that it has it: {', '.join(worker.worker for worker in workers)}"
        )
    return "workers need it"


def _lack(runtime: Runtime, provider: str) -> str:
    driver = runtime.drivers.get(provider)
    readiness = driver.readiness() if isinstance(driver, ReportsReadiness) else None
    if readiness is not None and readiness.sdk_missing:
        return "its SDK is not installed"
    return (
        f"{' or '.join(readiness.key_names)} is not set"
        if readiness is not None and readiness.key_names
        else "it is not ready"
    )


def _do(runtime: Runtime, provider: str) -> str:
    driver = runtime.drivers.get(provider)
    readiness = driver.readiness() if isinstance(driver, ReportsReadiness) else None
    if readiness is not None and readiness.sdk_missing:
        return readiness.sdk_missing
    return "set it and start the workers with it, or choose another model"
