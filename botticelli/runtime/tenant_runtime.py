"""Binds the runtime of a process to a tenant: row-level security hides the rows of others from its transactions."""

from __future__ import annotations

from copy import copy

from botticelli.runtime.process import Runtime

SHARED = (
    "redis",
    "budget",
    "events",
    "drivers",
    "default_model",
    "platforms",
    "limiter",
    "celery",
    "scopes",
    "catalogue",
)


def tenant_runtime(runtime: Runtime, tenant: str) -> Runtime:
    """Return a runtime that shares the parts of another but for the store, which is bound to a tenant. Never closed."""
    for name in SHARED:
        getattr(runtime, name)
    bound = copy(runtime)
    bound.plans = {}
    bound.__dict__["store"] = runtime.store.bound_to(tenant)
    return bound
