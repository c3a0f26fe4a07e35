"""Adapts the limits of a scope to learned limits, and to a slow start after an idle time.

Reads no clock and no database.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from botticelli.budget.interface import Metric, Scope, Window
from botticelli.settings import Limits, ModelLimits
from botticelli.settings.sections.ramp import Ramp

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
PUBLISHED: Mapping[str, tuple[Metric, float]] = {
    "rpm": ("requests", MINUTE_SECONDS),
    "tpm": ("tokens", MINUTE_SECONDS),
    "itpm": ("input_tokens", MINUTE_SECONDS),
    "otpm": ("output_tokens", MINUTE_SECONDS),
    "rpd": ("requests", DAY_SECONDS),
    "tpd": ("tokens", DAY_SECONDS),
    "max_concurrent": ("concurrency", MINUTE_SECONDS),
}
"""Maps each figure of the settings to the metric that it limits and its period in seconds."""
CAREFUL = ModelLimits(rpm=50, tpm=30_000, max_concurrent=4)
"""The limits from which learning starts where nothing is named."""
LEAST_PART, MOST_TIMES = 10, 100
"""Default bounds of learned limits: a tenth of the first figure, and a hundred times it."""


@dataclass(frozen=True, slots=True)
class LearnedRange:
    """The figures from which learning starts, and its bounds, by the names of the settings (`rpm`, `itpm`)."""

    start: Mapping[str, int] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, places: Sequence[Limits], least: Limits | None, most: Limits | None) -> LearnedRange:
        """Build the range from the places of the figures, the most specific first, and the bounds of the settings."""
        start = {name: limit for name in PUBLISHED if (limit := _first(places, name)) is not None}
        return cls(
            start,
            {name: _bound(least, name) or max(1, limit // LEAST_PART) for name, limit in start.items()},
            {name: _bound(most, name) or limit * MOST_TIMES for name, limit in start.items()},
        )

    def bounded(self, name: str, limit: int) -> int | None:
        """Return a learned limit within the bounds; None for a limit that this scope does not have."""
        if name not in self.start:
            return None
        return min(max(limit, self.least[name]), max(self.least[name], self.most[name]))


def with_learned(scope: Scope, bounds: LearnedRange, learned: Mapping[str, int]) -> Scope:
    """Return the scope with learned limits, scaled down as multipliers have scaled the original ones."""
    limits = {
        PUBLISHED[name]: (limit, bounds.start[name])
        for name, named in learned.items()
        if (limit := bounds.bounded(name, named)) is not None
    }

    def adapted(window: Window) -> Window:
        limit, start = limits.get((window.metric, window.period_seconds), (0, 0))
        return dataclasses.replace(window, limit=max(1, limit * window.limit // start)) if limit else window

    return dataclasses.replace(scope, windows=tuple(map(adapted, scope.windows))) if limits else scope


def needs_ramp(scope: Scope, ramp: Ramp | None) -> bool:
    """Return whether a limit of the scope is above the rate at which it has to start."""
    bases = _bases(ramp) if ramp else {}
    return any(
        window.limit > bases.get((window.metric, window.period_seconds), window.limit) for window in scope.windows
    )


def ramped(scope: Scope, ramp: Ramp, warm_ms: int) -> Scope:
    """Return the scope with the rates that apply after `warm_ms` of use."""
    bases, steps = _bases(ramp), int(warm_ms / 1000 / ramp.step_seconds)

    def reached(window: Window) -> Window:
        base = bases.get((window.metric, window.period_seconds))
        if base is None or base >= window.limit or steps * math.log(ramp.growth) >= math.log(window.limit / base):
            return window
        return dataclasses.replace(window, limit=min(window.limit, int(base * ramp.growth**steps)))

    return dataclasses.replace(scope, windows=tuple(map(reached, scope.windows)))


def _bases(ramp: Ramp) -> dict[tuple[Metric, float], int]:
    named = ((name, getattr(ramp, name)) for name in ("rpm", "tpm", "itpm", "otpm"))
    return {PUBLISHED[name]: base for name, base in named if base is not None}


def _first(places: Sequence[Limits], name: str) -> int | None:
    return next((getattr(place, name) for place in places if getattr(place, name) is not None), None)


def _bound(bounds: Limits | None, name: str) -> int | None:
    return getattr(bounds, name) if bounds else None
