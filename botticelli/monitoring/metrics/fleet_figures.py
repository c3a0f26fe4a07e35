"""Reads the figures of this moment from rows, heartbeats and the Budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from botticelli.budget import Scope, ScopeUsage, WindowUsage
from botticelli.carousel.admission.dispatch import TICKET_LEASE_SECONDS
from botticelli.carousel.forecast.admissible import count_admissible
from botticelli.monitoring.budget_scopes import configured_scopes
from botticelli.monitoring.metrics.series import Labels
from botticelli.runtime.heartbeats import fleet, worker_troubles
from botticelli.runtime.process import Runtime
from botticelli.store import Transaction

MICRO = 1_000_000


class FleetFigures:
    """Collects figures by metric and label values."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.figures: defaultdict[str, dict[Labels, float]] = defaultdict(dict)

    def set(self, metric: str, value: float, *labels: str) -> None:
        self.figures[metric][labels] = value

    def value(self, metric: str) -> float:
        return self.figures.get(metric, {}).get((), 0.0)

    def add_rows(self, tx: Transaction) -> None:
        """Add what is open now."""
        for gauge in tx.metrics.gauges(TICKET_LEASE_SECONDS):
            self.set(gauge.metric, gauge.value, *gauge.labels)
        for metric in ("botticelli_runs", "botticelli_effects"):
            _ = self.figures[metric]  # all of its statuses are exported, also when nothing is open

    def add_workers(self) -> None:
        """Add the workers that are alive. Raises the errors of an absent Redis."""
        reports, troubles = fleet(self._runtime), worker_troubles(self._runtime)
        busy = self.figures["botticelli_worker_busy_threads"]
        self.set("botticelli_workers", len(reports))
        for report in reports:
            self.set("botticelli_worker_up", 0.0 if report.worker in troubles else 1.0, report.worker)
            busy.setdefault((report.worker,), 0.0)
            if report.threads is not None:
                self.set("botticelli_worker_threads", report.threads, report.worker)

    def add_budget(self, tx: Transaction) -> None:
        """Add what may run, and the windows of all budgets. Raises the errors of an absent Redis."""
        admissible = count_admissible(self._runtime, tx)
        admitted = self.value("botticelli_ready_iterations") + self.value("botticelli_running_iterations")
        count = max(0.0, admitted - admissible.closed) + admissible.waiting
        self.set("botticelli_admissible_iterations", count)
        self.set("botticelli_next_admission_seconds", 0.0 if count else admissible.next_due_seconds or 0.0)
        scopes = configured_scopes(self._runtime) | dict(admissible.scopes)
        for name, scope in sorted(scopes.items()):
            self._add_scope(tx, name, scope)

    def _add_scope(self, tx: Transaction, name: str, scope: Scope) -> None:
        current = self._runtime.scopes.in_force(scope, tx, act="look")
        usage: ScopeUsage = self._runtime.budget.usage(current)
        is_closed = usage.blocked_for_ms > 0 or self._runtime.scopes.paused([current], tx) is not None
        self.set("botticelli_budget_closed", float(is_closed), name)
        for window in usage.windows:
            for metric, value in _figures_of(window).items():
                self.set(metric, value, name, window.window.name)


def _figures_of(usage: WindowUsage) -> Mapping[str, float]:
    unit = MICRO if usage.window.metric == "cost_microusd" else 1
    return {
        "botticelli_budget_limit": usage.window.limit / unit,
        "botticelli_budget_used": usage.used / unit,
        "botticelli_budget_held": usage.held / unit,
        "botticelli_budget_period_seconds": usage.window.period_seconds,
        "botticelli_budget_resets_seconds": usage.resets_after_ms / 1000,
    }
