"""The operations that are measured: what workers, enqueuers and people do all day, on a database as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.monitoring.budget_scopes import known_scopes
from botticelli.monitoring.metrics.exporter import MetricsExporter
from botticelli.narrative import parse_narrative
from botticelli.runtime.process import Runtime
from botticelli.statuses import UNFINISHED
from botticelli.store import RunFilter, Transaction

NARRATIVE = """
[narrative]
name = "scale"
[narrative.carousel]
iterations = {iterations}
concurrency = {concurrency}
estimated_tokens_per_iteration = 100
[acts]
write = "Say hello {{iteration}}"
"""
PAUSE_SECONDS = 0.05
Operation = Callable[[], object]


def enqueued(runtime: Runtime, iterations: int, concurrency: int = 8) -> str:
    """Enqueue a run and return its id; with a worker it begins at once."""
    toml = NARRATIVE.format(iterations=iterations, concurrency=concurrency)
    return enqueue(runtime, parse_narrative(toml, source="scale", folder=None), "scale", EnqueueRequest()).run.id


def counted_exporter(runtime: Runtime) -> MetricsExporter:
    """Return an exporter of a fleet whose history is counted, as it is after the first pages."""
    exporter, pause = MetricsExporter(runtime, cache_seconds=0.0, margin_seconds=0.0), Event()
    while not exporter.count():
        pause.wait(PAUSE_SECONDS)  # until no transaction is open that began before
    return exporter


def sweep(tx: Transaction) -> object:
    """Look for what is due, lost and unclaimed, as each pass does, and, as every 30 s, for the budgets that runs wait for."""
    tx.runs.due(100), tx.iterations.lost(100), tx.iterations.unclaimed(100)
    return tx.runs.seconds_to_next_due(), tx.runs.waited_for()


def operations(runtime: Runtime) -> Mapping[str, Operation]:
    """Return the operations by name. They change nothing that another one would see, but `enqueue`."""
    queued = enqueued(runtime, 8)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    exporter = counted_exporter(runtime)

    def reading(read: Callable[[Transaction], object]) -> Operation:
        def run() -> object:
            with runtime.store.transaction() as tx:
                return read(tx)

        return run

    def claim() -> object:
        with runtime.store.transaction() as tx:
            _, claims = tx.steps.claim(queued, range(1, 9), worker="scale", lease_seconds=15)
            assert len(claims) == 8
            tx.connection.rollback()  # so that the next round claims them again
            return claims

    return {
        "enqueue": lambda: enqueued(runtime, 8),
        "claim": claim,
        "runs": reading(lambda tx: tx.runs.recent(RunFilter())),
        "runs --status": reading(lambda tx: tx.runs.recent(RunFilter(statuses=UNFINISHED))),
        "runs --since": reading(lambda tx: tx.runs.recent(RunFilter(since=hour_ago))),
        "runs --narrative": reading(lambda tx: tx.runs.recent(RunFilter(narrative="scale_2"))),
        "runs --narrative, none": reading(lambda tx: tx.runs.recent(RunFilter(narrative="nothing"))),
        "runs --status failed, none": reading(lambda tx: tx.runs.recent(RunFilter(statuses=("failed",)))),
        "run by prefix": reading(lambda tx: tx.runs.resolve(queued[:10])),
        "budget": lambda: known_scopes(runtime),
        "estimate": reading(lambda tx: tx.ledger.past_usage("scale_2", "write", "echo/echo", 0.9)),
        "sweep": reading(sweep),
        "page of metrics": exporter.page,
    }
