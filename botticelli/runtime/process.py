"""Puts one process together: settings, Postgres, Redis, Budget, drivers, platforms, publisher. Decides nothing.

Everything is made when it is first used, and anew in a forked child: connections never cross a fork.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botticelli.budget import Amounts, Budget, PastCharge, Refusal, Scope
from botticelli.budget.limits import ModelBudget, lowered, model_budget, named_scope, strictest
from botticelli.budget.scope_paused import PAUSED, ScopePaused
from botticelli.drivers import Drivers, ModelName
from botticelli.platforms import Place, Platforms
from botticelli.runtime.platform_limits import BudgetPacing
from botticelli.settings import Provider, Settings, Tier, load_settings

if TYPE_CHECKING:
    import redis
    from celery import Celery

    from botticelli.services import Membership
    from botticelli.settings.definitions import BudgetsSettings
    from botticelli.store import FreshOverrides, InForce, Override, Store, Transaction
    from botticelli.telemetry.events import EventLog

LOWERED_WAIT_MS = 10_000
"""The wait for a temporary limit that is smaller than the request, or a pause; longer than a worker sits through."""


class Runtime:
    """What the functions of the engine are given. Close it, or let the process end: both leave the services."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.plans: dict[str, Any] = {}
        """What an iteration of a run asks, by run: kept by those who plan."""
        self.facts: dict[str, Any] | None = None
        """What this process says of itself to others, once somebody has asked: kept by heartbeats.py."""
        self._model_budgets: dict[tuple[ModelName, str | None], ModelBudget] = {}

    @cached_property
    def services(self) -> Membership | None:
        """Membership of the embedded services; None when both servers are somebody else's."""
        if self.settings.database.url and self.settings.redis.url:
            return None
        from botticelli import services

        return services.join(self.settings.home)

    @property
    def database_url(self) -> str:
        configured = self.settings.database.url
        return configured.get_secret_value() if configured else self._membership.database_url

    @property
    def redis_url(self) -> str:
        configured = self.settings.redis.url
        return configured.get_secret_value() if configured else self._membership.redis_url

    @cached_property
    def store(self) -> Store:
        """Postgres with the schema of this version: migrated when it is the embedded one, DatabaseBehind when it is not."""
        from botticelli.store import Store
        from botticelli.store.connection.database import make_engine, require_current, schema_status, upgrade

        settings = self.settings.database
        engine = make_engine(
            self.database_url,
            pool_size=settings.pool_size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
            silent_seconds=self.settings.worker.lease_seconds,
            origin=self.settings.where("database", "url"),
        )
        if settings.url is None and not schema_status(engine).up_to_date:
            upgrade(engine)
        require_current(engine)
        return Store(engine)

    @cached_property
    def redis(self) -> redis.Redis:
        from botticelli.runtime.redis_check import make_redis

        return make_redis(self.redis_url, self.settings.where("redis", "url"))

    def require_redis(self) -> None:
        """RedisUnfit or ServiceUnavailable unless the server is there and can be used."""
        from botticelli.runtime.redis_check import require_fit

        require_fit(self.redis, self.settings.where("redis", "url"), self.settings.redis.prefix)

    @cached_property
    def budget(self) -> Budget:
        from botticelli.budget.redis.redis_budget import RedisBudget

        return RedisBudget(
            self.redis, prefix=self.settings.redis.prefix, reseed=self._past_charges, continued=self._continued
        )

    def _continued(self) -> str | None:
        """Of the embedded Redis it is known whether it was stopped in good order."""
        if self.settings.redis.url:
            return None
        from botticelli import services

        return services.continued(self.settings.home)

    def _past_charges(self, scopes: Sequence[Scope]) -> Sequence[PastCharge]:
        """What the ledger knows of these scopes, for a Redis that has lost it; of a platform's own there is nothing in it."""
        past, scopes = self.pacing.past_charges(scopes)
        if not scopes:
            return past
        seconds = max((window.period_ms + scope.guard_ms) / 1000 for scope in scopes for window in scope.windows)
        with self.store.transaction() as tx:
            minutes = tx.spending.charged([scope.name for scope in scopes], seconds)
        return past + [
            PastCharge(
                one.scope,
                Amounts(one.requests, one.tokens, one.input_tokens, one.output_tokens, one.cost_microusd),
                round(one.at.timestamp() * 1000),
            )
            for one in minutes
        ]

    @cached_property
    def events(self) -> EventLog:
        """Tells those who watch a run what happens in it."""
        from botticelli.telemetry.events import EventLog

        return EventLog(self.redis, self.settings.redis.prefix)

    @cached_property
    def drivers(self) -> Drivers:
        own = {"home": str(self.settings.home)}
        return Drivers(
            {**self.settings.drivers, "local": {**own, **self.settings.drivers.get("local", {})}}, self.settings.where
        )

    @cached_property
    def platforms(self) -> Platforms:
        settings = self.settings
        place = Place(
            settings.home, settings.worker.inline_wait_seconds, lambda: self.redis, settings.redis.prefix, self.pacing
        )
        return Platforms(settings.platforms, place)

    @cached_property
    def pacing(self) -> BudgetPacing:
        """The limits of platforms, in the Budget."""
        return BudgetPacing(
            lambda: self.budget,
            self.paused,
            self.in_force,
            guard_ms=self.settings.budget.guard_ms,
            later_ms=LOWERED_WAIT_MS,
        )

    @cached_property
    def celery(self) -> Celery:
        """The app that this process publishes with."""
        from celery import Celery

        from botticelli.runtime.celery_app import configured, connected

        app = configured(Celery("botticelli", set_as_current=False))
        return connected(app, self.redis_url, self.settings.redis.prefix)

    def model_budget(self, model: ModelName, tier: str | None = None) -> ModelBudget:
        """The limits that apply to a model here, and where they come from; `tier` instead of that of the settings."""
        found = self._model_budgets.get((model, tier))
        if found is None:
            found = self._model_budgets[model, tier] = self._find_model_budget(model, tier)
        return found

    def _find_model_budget(self, model: ModelName, tier: str | None) -> ModelBudget:
        return model_budget(
            model.provider,
            model.model,
            shipped=self.drivers.get(model.provider).rate_limits(),
            configured=self._configured(model.provider),
            default_tier=self.settings.default_tier,
            asked_tier=tier,
            guard_ms=self.settings.budget.guard_ms,
        )

    def _configured(self, provider: str) -> Provider | None:
        """The settings of a provider, with its models by the names that budgets use."""
        configured = self.settings.providers.get(provider)
        if configured is None:
            return None

        def respelled(tier: Tier) -> Tier:
            models = {self.drivers.model_name(provider, name): limits for name, limits in tier.models.items()}
            return tier.model_copy(update={"models": models})

        tiers = {name: respelled(tier) for name, tier in configured.tiers.items()}
        return configured.model_copy(update={"tiers": tiers})

    def scope(self, model: ModelName) -> Scope:
        """The budget scope of a model, with the limits that apply here."""
        return self.model_budget(model).scope

    def own_scopes(
        self,
        *,
        narrative: str = "",
        guilds: Iterable[str] = (),
        tenant: str | None = None,
        enqueued: Iterable[BudgetsSettings] = (),
    ) -> tuple[Scope, ...]:
        """Return the budgets of the settings that hold for a run.

        The budgets of the settings for a narrative, for guilds and for a tenant; none where nothing is said. Those of
        `enqueued` hold as well: of two limits of one window, the lower one.
        """
        named = [("narrative", narrative, "narratives"), *(("guild", guild, "guilds") for guild in guilds)]
        named += [("tenant", tenant, "tenants")] if tenant else []
        places = [self.settings.budgets, *enqueued]
        scopes = []
        for kind, name, table in named:
            limits = [getattr(place, table)[name] for place in places if name in getattr(place, table)]
            found = [named_scope(kind, name, each, self.settings.budget.guard_ms) for each in limits]
            scopes += [strictest(found)] if found else []
        return tuple(scopes)

    @cached_property
    def _overrides(self) -> FreshOverrides:
        from botticelli.store import FreshOverrides

        return FreshOverrides()

    def overrides_of(self, scope: str, tx: Transaction | None = None) -> Mapping[str, Override]:
        """The temporary lower limits of a scope, by window, a second old at most. Give the transaction that is open."""
        return self._overrides.of(scope, tx.overrides.in_force if tx else self._read_overrides)

    def _read_overrides(self) -> InForce:
        with self.store.transaction() as tx:
            return tx.overrides.in_force()

    def in_force(self, scope: Scope, tx: Transaction | None = None) -> Scope:
        """The scope as it is to be granted now: with the temporary lower limits."""
        found = self.overrides_of(scope.name, tx)
        return lowered(scope, {name: one.limit for name, one in found.items() if one.limit is not None})

    def paused(self, scopes: Iterable[Scope], tx: Transaction | None = None) -> ScopePaused | None:
        """The refusal of the first of these scopes that somebody has paused."""
        from botticelli.store import WHOLE

        for scope in scopes:
            found = self.overrides_of(scope.name, tx).get(WHOLE)
            if found is not None:
                return ScopePaused(
                    scope.name, PAUSED, 0, 0, 0, LOWERED_WAIT_MS, paused_by=found.set_by, reason=found.reason
                )
        return None

    def is_reopening(self, refusal: Refusal, scopes: Iterable[Scope]) -> bool:
        """Whether a window refuses only because Redis forgot what was spent: it opens again within its period."""
        from botticelli.budget.redis.redis_budget import RedisBudget

        scope = next((one for one in scopes if one.name == refusal.scope), None)
        return (
            scope is not None and isinstance(self.budget, RedisBudget) and self.budget.reopening(scope, refusal.window)
        )

    def softened(self, refusal: Refusal, tx: Transaction | None = None) -> Refusal:
        """What only a temporary limit makes too large is not refused for ever: come back in a while."""
        override = self.overrides_of(refusal.scope, tx).get(refusal.window)
        if not refusal.too_large or override is None or override.limit != refusal.limit:
            return refusal
        return dataclasses.replace(refusal, retry_after_ms=LOWERED_WAIT_MS)

    def close(self) -> None:
        """End all connections and leave the services. What is used afterwards is made anew."""
        made = self.__dict__
        if "celery" in made:
            made.pop("celery").close()
        if "events" in made:
            made.pop("events").close()
        if "redis" in made:
            made.pop("redis").close()
        if "drivers" in made:
            made.pop("drivers").close()
        if "platforms" in made:
            made.pop("platforms").close()
        if "budget" in made:
            made.pop("budget").close()
        made.pop("_overrides", None)
        if "store" in made:
            made.pop("store").engine.dispose()
        if (membership := made.pop("services", None)) is not None:
            membership.leave()

    @property
    def _membership(self) -> Membership:
        membership = self.services
        assert membership is not None, "only asked for when one of the two URLs is not set"
        return membership


_current: list[Runtime] = []
_lock = threading.RLock()
"""Re-entrant, for a signal's handler may ask for the runtime while the same thread does."""


def current() -> Runtime:
    """Return the runtime of this process, with the settings of its environment.

    A forked child gets one of its own; the parent's stays referenced there, so that nothing closes the parent's
    sockets.
    """
    with _lock:
        if not _current or _current[-1].pid != os.getpid():
            settings = _current[-1].settings if _current else load_settings()
            _current.append(Runtime(settings))
        return _current[-1]
