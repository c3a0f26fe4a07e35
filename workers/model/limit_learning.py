"""Records the rate limits that providers report, when they change. Limits in force stay unchanged."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Driver, ReportsLimits
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.telemetry.log import log

_written: dict[str, Mapping[str, int]] = {}
"""The limits that this process wrote last, by scope. Threads that write the same limits twice do no harm."""


def record_learned_limits(runtime: Runtime, driver: Driver, call: Call) -> None:
    """Write the limits that a driver has learned, if they changed; an unreachable database never loses an answer."""
    if not isinstance(driver, ReportsLimits):
        return
    limits = driver.learned_limits().get(call.model.model)
    key = f"{runtime.settings.redis.prefix} {call.scope.name}"
    if not limits or _written.get(key) == limits:
        return
    try:
        with runtime.store.transaction() as tx:
            tx.learned.learn(call.scope.name, limits)
        _written[key] = limits
    except SERVER_ERRORS as error:
        log("limits_not_learned", level=logging.WARNING, error=type(error).__name__)
