"""Lists all metrics: name, kind, labels, buckets, and what each says. Totals in Postgres have these names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from botticelli.statuses import DISPATCHABLE, FINAL

Kind = Literal["counter", "gauge", "histogram"]
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
LONG_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 86_400.0)
RATIOS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0, 5.0)
MODEL = ("provider", "model")
WINDOW = ("scope", "window")


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. A counter's name gets `_total`. `always` are label values that are exported even while they are 0."""

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = ()
    always: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exported(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        return tuple(f"{self.name}{end}" for end in ("_bucket", "_count", "_sum")) if self.buckets else (self.name,)


def _counter(name: str, about: str, labels: tuple[str, ...] = (), always: Sequence[tuple[str, ...]] = ()) -> MetricSpec:
    return MetricSpec(name, "counter", about, labels, tuple(always) if labels else ((),))


def _gauge(name: str, about: str, labels: tuple[str, ...] = (), always: Sequence[tuple[str, ...]] = ()) -> MetricSpec:
    return MetricSpec(name, "gauge", about, labels, tuple(always) if labels else ((),))


def _histogram(name: str, about: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> MetricSpec:
    return MetricSpec(name, "histogram", about, labels, () if labels else ((),), buckets)


def _each(*values: str) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


COUNTERS = (
    _counter("botticelli_iterations", "Iterations that ended, by final status.", ("narrative", "status")),
    _counter("botticelli_runs_finished", "Runs that ended, by final status.", ("status",), _each(*FINAL)),
    _counter(
        "botticelli_model_calls",
        "Calls of models: ok, rate_limited, transient, terminal, unknown (the answer was lost), not_sent.",
        (*MODEL, "outcome"),
    ),
    _counter(
        "botticelli_tokens",
        "Tokens that providers counted. input contains cache_read and cache_write, output contains reasoning.",
        (*MODEL, "kind"),
    ),
    _counter("botticelli_cost_usd", "Cost of calls in US dollars, by the price that the answer names.", MODEL),
    _counter("botticelli_cost_unknown_calls", "Answered calls whose cost is unknown, since their price is."),
    _counter("botticelli_budget_refusals", "Refusals of the Budget: each time that one was given.", WINDOW),
    _counter("botticelli_effects_finished", "Effects that ended: done, failed or unknown.", ("platform", "status")),
    _counter("botticelli_firings", "Nominal times of schedules, by what they came to.", ("action",), _each("started")),
    _counter(
        "botticelli_webhook_deliveries",
        "Webhooks: notices that were sent (out), and requests that came in.",
        ("direction", "outcome"),
        (("out", "delivered"), ("out", "failed"), ("in", "accepted"), ("in", "ignored"), ("in", "refused")),
    ),
    _counter(
        "botticelli_webhook_requests",
        "Requests to a webhook: accepted, ignored, refused (not performed), forged, outdated, malformed, too_large.",
        ("webhook", "outcome"),
    ),
)
HISTOGRAMS = (
    _histogram("botticelli_run_duration_seconds", "Time from a run's first admission to its end.", LONG_SECONDS),
    _histogram(
        "botticelli_model_call_duration_seconds", "Time from a call's draw to its answer or error.", SECONDS, MODEL
    ),
    _histogram("botticelli_estimate_ratio", "Tokens that an answer used, divided by the estimate.", RATIOS, MODEL),
    _histogram("botticelli_budget_wait_seconds", "Time that runs waited for a budget until admission.", LONG_SECONDS),
    _histogram("botticelli_schedule_lateness_seconds", "Time from a nominal time to its run.", LONG_SECONDS),
)
EFFECTS = ("waiting", "approved", "intended", "unknown")
GAUGES = (
    _gauge("botticelli_runs", "Runs that have not ended, by status.", ("status",), _each(*DISPATCHABLE, "paused")),
    _gauge(
        "botticelli_admissible_iterations",
        "Iterations that may run now under the budget: running, admitted, or admitted if somebody asked now.",
    ),
    _gauge(
        "botticelli_next_admission_seconds",
        "Time until a run may be admitted again; 0 while iterations may run, and when none waits.",
    ),
    _gauge("botticelli_ready_iterations", "Iterations that are admitted and that no worker has begun."),
    _gauge("botticelli_running_iterations", "Iterations that workers perform."),
    _gauge("botticelli_oldest_ready_seconds", "How long ago the oldest of the ready iterations was admitted."),
    _gauge("botticelli_budget_limit", "Limit of a window in its unit: requests, tokens, slots or US dollars.", WINDOW),
    _gauge("botticelli_budget_used", "What was charged in a window, in its unit.", WINDOW),
    _gauge("botticelli_budget_held", "What is reserved or in flight in a window, in its unit.", WINDOW),
    _gauge("botticelli_budget_resets_seconds", "Time until the oldest charge of a window no longer counts.", WINDOW),
    _gauge("botticelli_budget_period_seconds", "Length of a window.", WINDOW),
    _gauge("botticelli_budget_closed", "Whether a scope is paused, or closed by the provider: 1 or 0.", ("scope",)),
    _gauge(
        "botticelli_effects", "Effects that have not ended, or may not have, by status.", ("status",), _each(*EFFECTS)
    ),
    _gauge("botticelli_effects_oldest_waiting_seconds", "How long the oldest effect has waited for its approval."),
    _gauge("botticelli_schedule_overdue_seconds", "How late the schedule is that should have fired first."),
    _gauge("botticelli_pending_deliveries", "Deliveries of notices that are due or will be tried again."),
    _gauge("botticelli_workers", "Workers that are alive."),
    _gauge("botticelli_worker_up", "A worker that is alive: 1, or 0 if it reports trouble.", ("worker",)),
    _gauge("botticelli_worker_threads", "Iterations that a worker can perform at the same time.", ("worker",)),
    _gauge("botticelli_worker_busy_threads", "Iterations that a worker performs.", ("worker",)),
    _gauge("botticelli_server_up", "Whether the exporter reaches a server: 1 or 0.", ("server",)),
    _gauge("botticelli_collect_seconds", "Time that it took to collect these metrics."),
)
CATALOGUE: Mapping[str, MetricSpec] = {spec.name: spec for spec in (*COUNTERS, *HISTOGRAMS, *GAUGES)}
"""All metrics by their names in Postgres."""


def edges() -> dict[str, list[float]]:
    """Return the buckets of the histograms as the statements that count expect them: negated, ascending."""
    named = {"duration_edges": SECONDS, "run_edges": LONG_SECONDS, "ratio_edges": RATIOS}
    named |= {"lateness_edges": LONG_SECONDS, "wait_edges": LONG_SECONDS}
    return {name: sorted(-bound for bound in bounds) for name, bounds in named.items()}
