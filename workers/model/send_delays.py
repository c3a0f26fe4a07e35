"""How much later than they were granted this process's requests leave, and the guard that the Budget needs for it.

A window counts from the grant, the provider from the arrival: calls that leave late must not meet those that leave at
once. What is measured is told to the Budget, where the widest of the fleet counts, and ends by itself.
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
"""For so long after it was told last the Budget keeps a spread; what is measured counts for half of it at least."""
TELL_SECONDS = 20.0
LARGEST_PART = 12
"""A window never becomes longer than by this part of its period."""
FIRST_WIDENING_MS = 100
STEP = 2**0.5
MARGIN = 1.1


@dataclass(slots=True)
class Spread:
    """Of one scope in this process. Times are seconds of a steady clock."""

    began_at: float = 0.0
    now_ms: float = 0.0
    before_ms: float = 0.0
    """The longest delays, of the time since `began_at` and of the time before it."""
    refused_ms: float = 0.0
    refused_at: float = 0.0
    told_ms: int = 0
    told_at: float = -KEEP_SECONDS

    def measure(self, delay_ms: float, now: float) -> None:
        self._turn(now)
        self.now_ms = max(self.now_ms, delay_ms)

    def refuse(self, now: float) -> None:
        """A call that was granted was one too many: what nobody measured is twice as long from now on."""
        self.refused_ms = max(FIRST_WIDENING_MS, 2 * max(self.told_ms, self._widened(now)))
        self.refused_at = now

    def needed_ms(self, now: float) -> float:
        """The longest delay of the last one or two minutes, or what refusals ask for: half of it after each two minutes."""
        self._turn(now)
        return max(MARGIN * max(self.now_ms, self.before_ms), self._widened(now))

    def _widened(self, now: float) -> float:
        return self.refused_ms * 0.5 ** min(64, int((now - self.refused_at) / KEEP_SECONDS))

    def _turn(self, now: float) -> None:
        passed = now - self.began_at
        if passed > KEEP_SECONDS / 2:
            self.before_ms = self.now_ms if passed <= KEEP_SECONDS else 0.0
            self.now_ms, self.began_at = 0.0, now


@dataclass(slots=True)
class Spreads:
    """Of all scopes in this process. `bounds_ms` are the guard of the settings and the most that it may become."""

    bounds_ms: tuple[int, int]
    clock: Callable[[], float] = time.monotonic
    _by_scope: dict[str, Spread] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(self, scope: Scope, granted_at: float) -> None:
        """A request that was granted at that time leaves now."""
        now = self.clock()
        with self._lock:
            self._of(scope).measure((now - granted_at) * 1000, now)

    def refuse(self, scope: Scope) -> None:
        """The provider answered that its limit is reached, below the limit that was granted by."""
        with self._lock:
            self._of(scope).refuse(self.clock())

    def tell(self, budget: Budget, scope: Scope) -> None:
        """Widen the windows of the scope if they need it, before a draw and after a call.

        A server that is away is no reason to lose an answer.
        """
        spread_ms = self._due(scope)
        if spread_ms:
            try:
                budget.widen(scope, spread_ms, round(KEEP_SECONDS * 1000))
            except RedisError as error:
                log("spread_not_told", level=logging.WARNING, error=type(error).__name__)

    def _due(self, scope: Scope) -> int:
        """What the Budget has to be told now; 0: nothing."""
        now, (least_ms, _) = self.clock(), self.bounds_ms
        with self._lock:
            spread = self._of(scope)
            needed_ms = min(stepped(spread.needed_ms(now)), self._most(scope))
            is_known = needed_ms <= spread.told_ms and now - spread.told_at < TELL_SECONDS
            if needed_ms <= least_ms or is_known:
                return 0
            spread.told_ms, spread.told_at = needed_ms, now
            return needed_ms

    def _of(self, scope: Scope) -> Spread:
        return self._by_scope.setdefault(scope.name, Spread(self.clock()))

    def _most(self, scope: Scope) -> int:
        """0 where no window moves."""
        periods = [w.period_ms for w in scope.windows if w.kind in ("sliding", "bucket") and w.metric != "concurrency"]
        return min(self.bounds_ms[1], min(periods, default=0) // LARGEST_PART)


_spreads: WeakKeyDictionary[Runtime, Spreads] = WeakKeyDictionary()
_making = threading.Lock()


def spreads_of(runtime: Runtime) -> Spreads:
    """Those of this process."""
    with _making:
        if runtime not in _spreads:
            settings = runtime.settings.budget
            _spreads[runtime] = Spreads((settings.guard_ms, settings.guard_max_ms))
        return _spreads[runtime]


def stepped(spread_ms: float) -> int:
    """The next larger of a few values, so that not every measurement is news."""
    step = 1.0
    while step < spread_ms:
        step *= STEP
    return round(step) if spread_ms > 0 else 0
