"""Finds the limits of a model's scope that hold now: learned from answers, and those of a slow start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from botticelli.budget.adaptation import needs_ramp, ramped, with_learned
from botticelli.budget.interface import Scope, WarmAct
from botticelli.budget.limits import ModelBudget
from botticelli.budget.protocol import Budget
from botticelli.errors import BotticelliError

FRESH_SECONDS = 2.0
"""Time for which a process reuses the learned limits that it has read."""


class LearnedCache:
    """Caches the learned limits of each scope for all threads, for at most `FRESH_SECONDS`."""

    def __init__(self, read: Callable[[str], Mapping[str, int]]) -> None:
        self._read = read
        self._cached: dict[str, tuple[float, Mapping[str, int]]] = {}

    def of(self, scope: str) -> Mapping[str, int]:
        """Return the learned limits of a scope by the name of the setting. Raises what reading raises."""
        now, cached = time.monotonic(), self._cached.get(scope)
        if cached is None or now - cached[0] >= FRESH_SECONDS:
            self._cached[scope] = cached = (now, self._read(scope))
        return cached[1]


class EffectiveLimits:
    """Adapts the scopes of models to the limits that hold now.

    `find` returns the limits of a model and tier, and raises for unknown ones. `learned` returns the learned limits of a
    scope.
    """

    def __init__(
        self,
        budget: Callable[[], Budget],
        find: Callable[[str, str], ModelBudget],
        learned: Callable[[str], Mapping[str, int]],
    ) -> None:
        self._budget = budget
        self._find = find
        self._learned = learned
        self._known: dict[str, ModelBudget | None] = {}

    def add(self, budget: ModelBudget) -> None:
        """Remember the limits of a scope."""
        self._known[budget.scope.name] = budget

    def of(self, name: str) -> ModelBudget | None:
        """Return the limits of a scope by its name; None for scopes that are not of a model, and for tiers that are gone."""
        if name not in self._known:
            model, at, tier = name.rpartition("@")
            self._known[name] = None
            if at and "/" in model:
                try:
                    budget = self._find(model, tier)
                except BotticelliError:
                    return None
                self._known[name] = budget if budget.scope.name == name else None
        return self._known[name]

    def adapted(self, scope: Scope, act: WarmAct) -> Scope:
        """Return the scope with the limits that hold now. The act `use` records a use, which lets rates go on growing."""
        limits = self.of(scope.name)
        if limits is None:
            return scope
        if limits.learned is not None:
            scope = with_learned(scope, limits.learned, self._learned(scope.name))
        if limits.ramp is not None and needs_ramp(scope, limits.ramp):
            scope = ramped(scope, limits.ramp, self._warm_ms(scope, limits, act))
        return scope

    def restart(self, scope: Scope) -> None:
        """Start the slow start of a scope again, because its provider refused a sudden rise."""
        limits = self.of(scope.name)
        if limits is not None and limits.ramp is not None:
            self._warm_ms(scope, limits, "restart")

    def _warm_ms(self, scope: Scope, limits: ModelBudget, act: WarmAct) -> int:
        assert limits.ramp is not None, "only asked for with a ramp"
        return self._budget().warm_ms(scope, round(limits.ramp.idle_seconds * 1000), act)
