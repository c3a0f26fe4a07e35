"""Turns exact costs into the whole millionths of a dollar that windows count, so that the sum stays exact."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

MICRO = 1_000_000
NOTHING = Decimal(0)


@dataclass(slots=True)
class Carry:
    """What is rounded off one call is carried to the next one of the same key: a sum is off by less than a millionth.

    `ahead`: the sum is never less than what was spent; else never more.
    """

    ahead: bool = True
    _rest: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: NOTHING))
    """By key, what was spent and not counted yet, in millionths; below 0 when `ahead`."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def microusd(self, key: str, cost_usd: Decimal | None) -> int:
        """Whole millionths for one more call; a cost that nobody knows is 0."""
        with self._lock:
            exact = self._rest[key] + (cost_usd or NOTHING) * MICRO
            whole = max(0, math.ceil(exact) if self.ahead else math.floor(exact))
            self._rest[key] = exact - whole
            return whole
