"""Makes the page of metrics: counts what has ended since the last page, and reads what is open. Cached for seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from redis.exceptions import RedisError

from botticelli.budget.redis.refusal_counts import take_refusals
from botticelli.monitoring.metrics.fleet_figures import FleetFigures
from botticelli.monitoring.metrics.metric_catalogue import edges
from botticelli.monitoring.metrics.series import NameCap, counted, gauged
from botticelli.store import Horizon
from botticelli.store.metrics.horizon import MARGIN_SECONDS
from botticelli.telemetry.log import log

if TYPE_CHECKING:
    from botticelli.runtime.process import Runtime
    from botticelli.store import Transaction

CACHE_SECONDS = 5.0
COUNT_SECONDS = 5.0
"""How long one page may count a long history; the next one goes on. A scraper waits for 10 s."""
CONTENT_TYPE: str = CONTENT_TYPE_LATEST


class MetricsExporter:
    """Makes the page of the whole fleet. Several exporters of one fleet show the same figures: take the maximum."""

    def __init__(
        self, runtime: Runtime, *, cache_seconds: float = CACHE_SECONDS, margin_seconds: float = MARGIN_SECONDS
    ) -> None:
        self._runtime = runtime
        self._horizon = Horizon(margin_seconds)
        self._cache_seconds = cache_seconds
        self._lock = threading.Lock()
        self._page = b""
        self._fresh_until = 0.0
        self._opens_after = math.inf
        """Seconds from the last page until a shut budget opens, after which the page is no longer true."""

    def page(self) -> bytes:
        """Return the page in the text format of Prometheus. Raises the errors of an absent Postgres."""
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._page = self._make()
                self._fresh_until = time.monotonic() + min(self._cache_seconds, self._opens_after)
            return self._page

    def count(self) -> bool:
        """Count what has ended; another process that counts at this moment does it for both. False when more is left."""
        deadline = time.monotonic() + COUNT_SECONDS
        with self._runtime.store.transaction() as tx:
            until = self._horizon.advance(tx.metrics.sample())
            tx.metrics.add("botticelli_budget_refusals", self._refusals())
        is_done = False
        while until is not None and not is_done and time.monotonic() < deadline:
            with self._runtime.store.transaction() as tx:
                is_done = not tx.metrics.lock() or tx.metrics.fold(until, edges())
        return is_done

    def _refusals(self) -> Mapping[tuple[str, str], int]:
        """Take the refusals that Redis has counted. Those of a few seconds are lost if Postgres goes away at this moment."""
        try:
            return take_refusals(self._runtime.redis, self._runtime.settings.redis.prefix)
        except RedisError:
            return {}

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, for a registry of prometheus_client."""
        started = time.monotonic()
        self.count()
        figures = FleetFigures(self._runtime)
        with self._runtime.store.transaction() as tx:
            totals = tx.metrics.totals()
            figures.add_rows(tx)
            figures.set("botticelli_server_up", 1.0, "postgres")
            figures.set("botticelli_server_up", float(self._add_redis(figures, tx)), "redis")
        figures.set("botticelli_collect_seconds", time.monotonic() - started)
        cap = NameCap()
        self._opens_after = figures.value("botticelli_next_admission_seconds") or math.inf
        yield from counted(totals, cap)
        yield from gauged(figures.figures, cap)

    def _add_redis(self, figures: FleetFigures, tx: Transaction) -> bool:
        """Add what Redis knows; False while it is away, when those figures are left out."""
        try:
            figures.add_workers()
            figures.add_budget(tx)
        except RedisError as error:
            log("metrics_without_redis", error=type(error).__name__)
            return False
        return True

    def _make(self) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        page: bytes = generate_latest(registry)
        return page
