"""Converts exact costs to whole micro-dollars, which budget windows count, without losing the remainders."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

MICRO = 1_000_000
NOTHING = Decimal(0)


@dataclass(slots=True)
class CostRounder:
    """Carries the rounding remainder of a call to the next call with the same key: sums are off by less than $0.000001.

    With `ahead` a sum is never less than what was spent, else never more.
    """

    ahead: bool = True
    _rest: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    """The uncounted remainder by key, in micro-dollars; at most 0 when `ahead`."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def microusd(self, key: str, cost_usd: Decimal | None) -> int:
        """Return the micro-dollars to count for one more call. An unknown cost (None) counts as 0."""
        with self._lock:
            exact = self._rest[key] + (cost_usd or NOTHING) * MICRO
            whole = max(0, math.ceil(exact) if self.ahead else math.floor(exact))
            self._rest[key] = exact - whole
            return whole
