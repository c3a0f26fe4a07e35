"""Assembles one process: settings, Postgres, Redis, the budget, drivers, platforms and the publisher.

Each part is created when it is first used, and again in a forked child: connections never cross a fork.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from botticelli.budget import Amounts, Budget, PastCharge, Scope
from botticelli.drivers import Drivers, HasServer, ModelName
from botticelli.platforms import PlatformContext, Platforms
from botticelli.pricing import Catalogue, KnownPrice, with_set_price
from botticelli.runtime.default_model import DefaultModel, choose_default_model
from botticelli.runtime.scopes import OVERRIDE_WAIT_MS, BudgetRateLimits, OverridesCache, ScopePolicy
from botticelli.settings import Settings, load_settings

if TYPE_CHECKING:
    import redis
    from celery import Celery

    from botticelli.runtime.tracing.spans import Spans
    from botticelli.services import Membership
    from botticelli.store import ActiveOverrides, Store
    from botticelli.telemetry.log import EventLog


class Runtime:
    """The parts of this process, passed to the functions of the engine. `close` it, or let the process end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.plans: dict[str, Any] = {}
        """A cache of what one iteration requests, by run; used by carousel/plan."""
        self.facts: dict[str, Any] | None = None
        """A cache of what this process reports with its heartbeat; used by heartbeats.py."""

    @cached_property
    def services(self) -> Membership | None:
        """The membership of the embedded services; None when the settings name both servers."""
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
        """Postgres with the schema of this version. Migrates the embedded one; raises DatabaseBehind for a configured one."""
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
        """Raise RedisUnfit or ServiceUnavailable unless the server answers and can be used."""
        from botticelli.runtime.redis_check import require_fit

        require_fit(self.redis, self.settings.where("redis", "url"), self.settings.redis.prefix)

    @cached_property
    def budget(self) -> Budget:
        from botticelli.budget.redis.redis_budget import RedisBudget

        return RedisBudget(
            self.redis, prefix=self.settings.redis.prefix, reseed=self._past_charges, data_id=self._data_id
        )

    def _data_id(self) -> str | None:
        """Return the id of the embedded Redis's data; None if it is unknown, or another server is used."""
        if self.settings.redis.url:
            return None
        from botticelli import services

        return services.data_id(self.settings.home)

    def _past_charges(self, scopes: Sequence[Scope]) -> Sequence[PastCharge]:
        """Return the past charges with which to rebuild scopes that Redis lost: from the ledger, or assumed for platforms."""
        past, scopes = self.limiter.past_charges(scopes)
        if not scopes:
            return past
        seconds = max((window.period_ms + scope.guard_ms) / 1000 for scope in scopes for window in scope.windows)
        with self.store.transaction() as tx:
            minutes = tx.spending.charged([scope.name for scope in scopes], seconds)
        for minute in minutes:
            amounts = Amounts(
                minute.requests, minute.tokens, minute.input_tokens, minute.output_tokens, minute.cost_microusd
            )
            past.append(PastCharge(minute.scope, amounts, round(minute.at.timestamp() * 1000)))
        return past

    @cached_property
    def events(self) -> EventLog:
        """The live events of runs, for watchers."""
        from botticelli.telemetry.log import EventLog

        return EventLog(self.redis, self.settings.redis.prefix)

    @cached_property
    def spans(self) -> Spans:
        """The spans of this process, which are sent if a receiver is named. SettingsError when they can't be."""
        from botticelli.runtime.tracing.choose_spans import choose_spans

        return choose_spans(self.settings)

    @cached_property
    def drivers(self) -> Drivers:
        local = {"home": str(self.settings.home), **self.settings.drivers.get("local", {})}
        return Drivers({**self.settings.drivers, "local": local}, self.settings.where)

    @cached_property
    def default_model(self) -> DefaultModel:
        """The model of acts that name none."""
        return choose_default_model(self.drivers, self.settings.default_model)

    @cached_property
    def platforms(self) -> Platforms:
        settings = self.settings
        place = PlatformContext(
            settings.home, settings.worker.inline_wait_seconds, lambda: self.redis, settings.redis.prefix, self.limiter
        )
        return Platforms(settings.platforms, place)

    @cached_property
    def limiter(self) -> BudgetRateLimits:
        """The rate limits of platforms, enforced by the budget."""
        return BudgetRateLimits(
            lambda: self.budget,
            self.scopes.paused,
            self.scopes.in_force,
            guard_ms=self.settings.budget.guard_ms,
            later_ms=OVERRIDE_WAIT_MS,
        )

    @cached_property
    def celery(self) -> Celery:
        """The Celery app with which this process publishes."""
        from celery import Celery

        from botticelli.runtime.celery_app import configured, connected

        app = configured(Celery("botticelli", set_as_current=False))
        return connected(app, self.redis_url, self.settings.redis.prefix)

    @cached_property
    def scopes(self) -> ScopePolicy:
        """Which limits apply."""
        return ScopePolicy(
            self.settings,
            lambda: self.drivers,
            lambda: self.budget,
            OverridesCache(self._read_overrides).of,
            self._read_learned,
        )

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.settings.home)

    def price(self, model: ModelName, tier: str | None = None) -> KnownPrice:
        """Return the price of a model: what the settings name of it, and what the price lists know."""
        driver = self.drivers.get(model.provider)
        url = driver.server_url if isinstance(driver, HasServer) else None
        set_price = self.scopes.model_budget(model, tier).set_price
        listed = partial(self.catalogue.price, model.provider, model.model, url)
        return KnownPrice(lambda: with_set_price(listed(), set_price))

    def _read_learned(self, scope: str) -> Mapping[str, int]:
        with self.store.transaction() as tx:
            return {limit.name: limit.limit for limit in tx.learned.of(scope)}

    def _read_overrides(self) -> ActiveOverrides:
        with self.store.transaction() as tx:
            return tx.overrides.in_force()

    def close(self) -> None:
        """Close all connections and leave the services. A part that is used afterwards is created again."""
        parts = self.__dict__  # holds the cached properties that were used
        for name in ("spans", "celery", "events", "redis", "drivers", "platforms", "budget"):
            if name in parts:
                parts.pop(name).close()
        parts.pop("scopes", None)
        if "store" in parts:
            parts.pop("store").engine.dispose()
        if (membership := parts.pop("services", None)) is not None:
            membership.leave()

    @property
    def _membership(self) -> Membership:
        membership = self.services
        assert membership is not None, "only asked for when one of the two URLs is not set"
        return membership


def worker_name(pid: int | None = None) -> str:
    """Return `HOST:PID`, the name in the rows that this worker holds; `pid` is that of a child process."""
    return f"{socket.gethostname()}:{os.getpid() if pid is None else pid}"


_current: list[Runtime] = []
_lock = threading.RLock()
"""Re-entrant, because a signal handler may call `current` while its thread is in it."""


def current() -> Runtime:
    """Return the runtime of this process, with the settings of its environment.

    A forked child gets its own; it keeps a reference to its parent's, so that it does not close the parent's sockets.
    """
    with _lock:
        if not _current or _current[-1].pid != os.getpid():
            settings = _current[-1].settings if _current else load_settings()
            _current.append(Runtime(settings))
        return _current[-1]
