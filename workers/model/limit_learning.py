"""What providers' answers say of their limits, written down when it has changed. Changes no limit that is in force."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from botticelli.carousel.plan.planned_calls import Call
from botticelli.drivers import Driver, ReportsLimits
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVERS_AWAY
from botticelli.telemetry.log import log

_written: dict[str, Mapping[str, int]] = {}
"""By scope, what this process wrote last. Whoever comes second writes the same again, which does no harm."""


def learn(runtime: Runtime, driver: Driver, call: Call) -> None:
    """One small write for each change; a database that is away is no reason to lose an answer."""
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
    except SERVERS_AWAY as error:
        log("limits_not_learned", level=logging.WARNING, error=type(error).__name__)
