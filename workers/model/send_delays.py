"""Measures how long after their grant requests leave this process, and widens the Budget's windows accordingly.

A window counts from the grant, the provider from the arrival: delayed calls must not meet prompt ones. The Budget takes
the widest spread that any worker of the fleet reports, and drops it when it is no longer reported.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from redis.exceptions import RedisError

from botticelli.budget import Budget, Scope
from botticelli.runtime.process import Runtime
from botticelli.telemetry.log import log

KEEP_SECONDS = 120.0
"""Seconds that the Budget keeps a spread after its last report; a measurement counts for at least half of that."""
REPORT_SECONDS = 20.0
MAX_PART = 12
"""A window is widened by at most this part of its period."""
FIRST_WIDENING_MS = 100
STEP = 2**0.5
MARGIN = 1.1


@dataclass(slots=True)
class Spread:
    """The delays of one scope in this process. Times are seconds of the monotonic clock."""

    began_at: float = 0.0
    now_ms: float = 0.0
    before_ms: float = 0.0
    """The longest delays since `began_at`, and in the interval before it."""
    refused_ms: float = 0.0
    refused_at: float = 0.0
    reported_ms: int = 0
    reported_at: float = -KEEP_SECONDS

    def measure(self, delay_ms: float, now: float) -> None:
        self._start_interval(now)
        self.now_ms = max(self.now_ms, delay_ms)

    def refuse(self, now: float) -> None:
        """Record that a granted call exceeded the provider's limit: the unmeasured spread doubles from now on."""
        self.refused_ms = max(FIRST_WIDENING_MS, 2 * max(self.reported_ms, self._widened(now)))
        self.refused_at = now

    def needed_ms(self, now: float) -> float:
        """Return the longest recent delay, or the widening after refusals if larger, in milliseconds.

        Delays of the last one or two minutes count; a widening halves every two minutes.
        """
        self._start_interval(now)
        return max(MARGIN * max(self.now_ms, self.before_ms), self._widened(now))

    def _widened(self, now: float) -> float:
        return self.refused_ms * 0.5 ** min(64, int((now - self.refused_at) / KEEP_SECONDS))

    def _start_interval(self, now: float) -> None:
        passed = now - self.began_at
        if passed > KEEP_SECONDS / 2:
            self.before_ms = self.now_ms if passed <= KEEP_SECONDS else 0.0
            self.now_ms, self.began_at = 0.0, now


@dataclass(slots=True)
class Spreads:
    """The delays of all scopes in this process. `bounds_ms` are the configured guard and its maximum."""

    bounds_ms: tuple[int, int]
    clock: Callable[[], float] = time.monotonic
    _by_scope: dict[str, Spread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(self, scope: Scope, granted_at: float) -> None:
        """Record that a request leaves now that was granted at `granted_at`."""
        now = self.clock()
        with self._lock:
            self._of(scope).measure((now - granted_at) * 1000, now)

    def refuse(self, scope: Scope) -> None:
        """Record that the provider refused a call for its limit, although the Budget had granted it."""
        with self._lock:
            self._of(scope).refuse(self.clock())

    def report(self, budget: Budget, scope: Scope) -> None:
        """Widen the windows of the scope if needed, before a draw and after a call.

        An unreachable server never loses an answer.
        """
        spread_ms = self._due_report_ms(scope)
        if spread_ms:
            try:
                budget.widen(scope, spread_ms, round(KEEP_SECONDS * 1000))
            except RedisError as error:
                log("spread_not_told", level=logging.WARNING, error=type(error).__name__)

    def _due_report_ms(self, scope: Scope) -> int:
        """Return the spread to report to the Budget now, in milliseconds; 0 for none."""
        now, (least_ms, _) = self.clock(), self.bounds_ms
        with self._lock:
            spread = self._of(scope)
            needed_ms = min(stepped(spread.needed_ms(now)), self._max_ms(scope))
            is_known = needed_ms <= spread.reported_ms and now - spread.reported_at < REPORT_SECONDS
            if needed_ms <= least_ms or is_known:
                return 0
            spread.reported_ms, spread.reported_at = needed_ms, now
            return needed_ms

    def _of(self, scope: Scope) -> Spread:
        return self._by_scope.setdefault(scope.name, Spread(self.clock()))

    def _max_ms(self, scope: Scope) -> int:
        """Return the widest spread allowed, in milliseconds; 0 when the scope has no moving window."""
        periods = [w.period_ms for w in scope.windows if w.kind in ("sliding", "bucket") and w.metric != "concurrency"]
        return min(self.bounds_ms[1], min(periods, default=0) // MAX_PART)


_spreads: WeakKeyDictionary[Runtime, Spreads] = WeakKeyDictionary()
_making = threading.Lock()


def spreads_of(runtime: Runtime) -> Spreads:
    """Return the spreads of this process."""
    with _making:
        if runtime not in _spreads:
            settings = runtime.settings.budget
            _spreads[runtime] = Spreads((settings.guard_ms, settings.guard_max_ms))
        return _spreads[runtime]


def stepped(spread_ms: float) -> int:
    """Round a spread up to one of few values, so that not every measurement is reported."""
    step = 1.0
    while step < spread_ms:
        step *= STEP
    return round(step) if spread_ms > 0 else 0
