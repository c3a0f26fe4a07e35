"""`botticelli metrics`: serve the metrics of the fleet for Prometheus, or print them once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.signals import SignalCounter

if TYPE_CHECKING:
    from botticelli.monitoring.metrics.exporter import MetricsExporter

DEFAULT_PORT = 9464
ONCE_TRIES = 20
TRY_SECONDS = 0.1


@click.command("metrics", short_help="Serve metrics of the fleet for Prometheus.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: a free one.")
@click.option("--once", is_flag=True, help="Print the metrics and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics once, as JSON only.")
@pass_invocation
def metrics(invocation: Invocation, host: str, port: int, once: bool, as_json: bool) -> None:
    """Serve the metrics of the whole fleet at http://HOST:PORT/metrics, in the text format of Prometheus.

    One exporter is enough for all workers: it reads rows and the Budget, and workers need no port. It listens on this
    machine only, unless --host says otherwise; the page has names of narratives, models and budgets, and no secret.
    """
    from botticelli.monitoring.metrics.exporter import MetricsExporter

    invocation.runtime.store  # noqa: B018  (connects, and checks the schema)
    exporter = MetricsExporter(invocation.runtime)
    if as_json:
        _settle(exporter)
        samples = [sample for family in exporter.collect() for sample in family.samples]
        emit([{"name": each.name, "labels": each.labels, "value": each.value} for each in samples], (), as_json=True)
    elif once:
        _settle(exporter)
        click.echo(exporter.page(), nl=False)
    else:
        _serve(exporter, host, port)


def _settle(exporter: MetricsExporter) -> None:
    """Count all that had ended before: there is no later page that would have it."""
    from botticelli.store.metrics.horizon import MARGIN_SECONDS

    pause = threading.Event()
    pause.wait(MARGIN_SECONDS)
    for _ in range(ONCE_TRIES):
        if exporter.count():
            return
        pause.wait(TRY_SECONDS)


def _serve(exporter: MetricsExporter, host: str, port: int) -> None:
    from botticelli.monitoring.metrics.metrics_server import MetricsServer

    with MetricsServer(exporter, host, port) as server, SignalCounter() as signals:
        click.echo(f"metrics at {server.url}")
        while not signals.count:
            server.handle_request()
