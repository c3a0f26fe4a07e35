"""Decides which limits apply: the scopes of models and custom budgets, temporary and learned limits, and pauses.

Asks settings, drivers and rows. Spends nothing but requests to platforms: those are charged at once, without a ticket
and without a ledger row.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from botticelli.budget import Amounts, Budget, PastCharge, Refusal, Scope, WarmAct, Window
from botticelli.budget.adaptation import needs_ramp, ramped, with_learned
from botticelli.budget.limits import ModelBudget, model_budget, named_scope, strictest
from botticelli.budget.scope_paused import PAUSED, ScopePaused
from botticelli.drivers import Drivers, ModelName
from botticelli.errors import BotticelliError, PlatformTransient, ServiceUnavailable
from botticelli.platforms.rate_limits import PlatformLimit, Wait
from botticelli.settings import Provider, Settings, Tier

if TYPE_CHECKING:
    from botticelli.settings.definitions import BudgetsSettings
    from botticelli.store import ActiveOverrides, Override

OVERRIDE_WAIT_MS = 10_000
"""The wait for a pause, or a temporary limit that is smaller than the request; longer than a worker waits in place."""
FRESH_OVERRIDES_SECONDS = 1.0
"""Time for which a process reuses the temporary limits that it has read."""
FRESH_SECONDS = 2.0
"""Time for which a process reuses the learned limits that it has read."""
ONE_REQUEST = Amounts(requests=1)
AWAY_SECONDS = 1.0
"""The wait before the next attempt when the budget can't be reached."""
LATER_THAN_ANY_MS = 2**52
"""The time of a past charge that is assumed because none was recorded: its window starts full."""
Result = TypeVar("Result")


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


class OverridesCache:
    """Caches the temporary limits in force for all threads, for at most `FRESH_OVERRIDES_SECONDS`.

    There is no lock: a thread that finds the cache stale reads with the transaction that it has open, so that no thread
    waits for the connection of another.
    """

    def __init__(self, read: Callable[[], ActiveOverrides]) -> None:
        self._read = read
        self._cached: tuple[float, ActiveOverrides] | None = None

    def of(self, scope: str, rows: OverrideRows | None) -> Mapping[str, Override]:
        """Return the temporary limits of a scope by window. Raises what reading raises."""
        now, cached = time.monotonic(), self._cached
        if cached is None or now - cached[0] >= FRESH_OVERRIDES_SECONDS:
            self._cached = cached = (now, rows.overrides.in_force() if rows else self._read())
        return cached[1].get(scope, {})


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


class ReadsOverrides(Protocol):
    """Reads all temporary limits that are in force."""

    def in_force(self) -> ActiveOverrides: ...


class OverrideRows(Protocol):
    """An open transaction, as far as temporary limits are read in it."""

    @property
    def overrides(self) -> ReadsOverrides: ...


OverridesOf = Callable[[str, OverrideRows | None], "Mapping[str, Override]"]
"""Returns the temporary limits of a scope by window, read in the open transaction if one is given."""


class ScopePolicy:
    """The limits of one process. `budget` and `drivers` are asked for when they are first needed.

    `overrides` and `learned` return the temporary and the learned limits of a scope, from rows that may be a second old.
    """

    def __init__(
        self,
        settings: Settings,
        drivers: Callable[[], Drivers],
        budget: Callable[[], Budget],
        overrides: OverridesOf,
        learned: Callable[[str], Mapping[str, int]],
    ) -> None:
        self._settings = settings
        self._drivers = drivers
        self._budget = budget
        self._overrides = overrides
        self._model_budgets: dict[tuple[ModelName, str | None], ModelBudget] = {}
        self.effective_limits = EffectiveLimits(budget, self._find, LearnedCache(learned).of)
        """The limits of models as they hold now: learned ones, and rates that grow after a silence."""

    def of(self, model: ModelName) -> Scope:
        """Return the budget scope of a model, with the limits that apply."""
        return self.model_budget(model).scope

    def model_budget(self, model: ModelName, tier: str | None = None) -> ModelBudget:
        """Return the limits that apply to a model, and their sources. `tier` overrides the tier of the settings."""
        budget = self._model_budgets.get((model, tier))
        if budget is None:
            budget = self._model_budgets[model, tier] = self._make_model_budget(model, tier)
            self.effective_limits.add(budget)
        return budget

    def custom(
        self,
        *,
        narrative: str = "",
        guilds: Iterable[str] = (),
        tenant: str | None = None,
        enqueued: Iterable[BudgetsSettings] = (),
    ) -> tuple[Scope, ...]:
        """Return the scopes of the budgets that the settings define for this narrative, these guilds and this tenant.

        The settings with which the run was `enqueued` apply as well: the lower of two limits of a window counts.
        """
        named = [("narrative", narrative, "narratives"), *(("guild", guild, "guilds") for guild in guilds)]
        named += [("tenant", tenant, "tenants")] if tenant else []
        sources = [self._settings.budgets, *enqueued]
        scopes = []
        for kind, name, table in named:
            limits = [getattr(source, table)[name] for source in sources if name in getattr(source, table)]
            candidates = [named_scope(kind, name, each, self._settings.budget.guard_ms) for each in limits]
            scopes += [strictest(candidates)] if candidates else []
        return tuple(scopes)

    def overrides_of(self, scope: str, rows: OverrideRows | None = None) -> Mapping[str, Override]:
        """Return the temporary limits of a scope by window, at most a second old. Pass the open transaction, if any."""
        return self._overrides(scope, rows)

    def in_force(self, scope: Scope, rows: OverrideRows | None = None, act: WarmAct = "use") -> Scope:
        """Return the scope with its learned, growing and temporary limits, as it is granted now.

        `look`: only to show it; `use`: for a request, after which growing rates go on growing.
        """
        scope = self.effective_limits.adapted(scope, act)
        overrides = self.overrides_of(scope.name, rows).items()
        return _lowered(scope, {name: override.limit for name, override in overrides if override.limit is not None})

    def paused(self, scopes: Iterable[Scope], rows: OverrideRows | None = None) -> ScopePaused | None:
        """Return the refusal of the first of these scopes that is paused, else None."""
        from botticelli.store import WHOLE

        for scope in scopes:
            pause = self.overrides_of(scope.name, rows).get(WHOLE)
            if pause is not None:
                return ScopePaused(
                    scope.name, PAUSED, 0, 0, 0, OVERRIDE_WAIT_MS, paused_by=pause.set_by, reason=pause.reason
                )
        return None

    def with_retry(self, refusal: Refusal, rows: OverrideRows | None = None) -> Refusal:
        """Make a refusal retryable when only a temporary limit makes the request too large."""
        override = self.overrides_of(refusal.scope, rows).get(refusal.window)
        if not refusal.too_large or override is None or override.limit != refusal.limit:
            return refusal
        return dataclasses.replace(refusal, retry_after_ms=OVERRIDE_WAIT_MS)

    def _find(self, model: str, tier: str) -> ModelBudget:
        return self.model_budget(self._drivers().resolve(model), tier)

    def _make_model_budget(self, model: ModelName, tier: str | None) -> ModelBudget:
        return model_budget(
            model.provider,
            model.model,
            shipped=self._drivers().get(model.provider).rate_limits(),
            configured=self._configured(model.provider),
            default_tier=self._settings.default_tier,
            asked_tier=tier,
            guard_ms=self._settings.budget.guard_ms,
        )

    def _configured(self, provider: str) -> Provider | None:
        """Return the settings of a provider, with the names of its models as budgets spell them."""
        configured = self._settings.providers.get(provider)
        if configured is None:
            return None
        drivers = self._drivers()

        def respelled(tier: Tier) -> Tier:
            models = {drivers.model_name(provider, name): limits for name, limits in tier.models.items()}
            return tier.model_copy(update={"models": models})

        tiers = {name: respelled(tier) for name, tier in configured.tiers.items()}
        return configured.model_copy(update={"tiers": tiers})


def _lowered(scope: Scope, limits: Mapping[str, int]) -> Scope:
    """Return the scope with lower limits for the windows in `limits`; higher ones change nothing."""
    windows = (dataclasses.replace(w, limit=min(w.limit, limits.get(w.name, w.limit))) for w in scope.windows)
    return dataclasses.replace(scope, windows=tuple(windows)) if limits else scope


class BudgetRateLimits:
    """Charges platform calls to the budget, and returns how long a call must wait.

    `paused` returns the refusal of a scope that is paused, `in_force` a scope with its temporary limits. `guard_ms`
    lengthens every window. `later_ms` is the wait after a refusal that no wait would lift.
    """

    def __init__(
        self,
        budget: Callable[[], Budget],
        paused: Callable[[Sequence[Scope]], Refusal | None],
        in_force: Callable[[Scope], Scope],
        *,
        guard_ms: int,
        later_ms: int,
    ) -> None:
        self._budget = budget
        self._paused = paused
        self._in_force = in_force
        self._guard_ms = guard_ms
        self._later_ms = later_ms
        self._known: dict[str, PlatformLimit] = {}

    def scope(self, limit: PlatformLimit) -> Scope:
        """Return the scope with its configured limit, and remember that the ledger has no rows for it."""
        self._known[limit.scope] = limit
        return Scope(limit.scope, (Window("requests", limit.requests, limit.period_seconds),), self._guard_ms)

    def take(self, limit: PlatformLimit) -> Wait | None:
        scope = self.scope(limit)
        refusal = self._paused([scope]) or self._call(lambda budget: budget.charge(self._in_force(scope), ONE_REQUEST))
        if refusal is None:
            return None
        return Wait(self._later_ms if refusal.retry_after_ms is None else refusal.retry_after_ms, str(refusal))

    def close(self, limit: PlatformLimit, wait_ms: int) -> None:
        self._call(lambda budget: budget.block_until(self.scope(limit), wait_ms))

    def is_exhausted(self, limit: PlatformLimit) -> bool:
        usage = self._call(lambda budget: budget.usage(self.scope(limit)))
        return any(window.remaining == 0 for window in usage.windows)

    def past_charges(self, scopes: Sequence[Scope]) -> tuple[list[PastCharge], list[Scope]]:
        """Return the charges that rebuild these scopes on a server that lost them, and the scopes of the ledger."""
        known = [self._known[scope.name] for scope in scopes if scope.name in self._known]
        past = [PastCharge(limit.scope, ONE_REQUEST, LATER_THAN_ANY_MS) for limit in known if limit.closed_at_first]
        return past, [scope for scope in scopes if scope.name not in self._known]

    def _call(self, operation: Callable[[Budget], Result]) -> Result:
        """Perform an operation on the budget. Raises PlatformTransient when its server is away."""
        from redis.exceptions import RedisError

        try:
            return operation(self._budget())
        except (RedisError, ServiceUnavailable) as error:
            problem = f"the budget can't be reached: {type(error).__name__}"
            raise PlatformTransient(problem, retry_after_seconds=AWAY_SECONDS) from None
