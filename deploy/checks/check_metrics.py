"""Checks alerts and metrics with promtool, and asks a real Prometheus for each panel of the dashboard, over a demo run.

Run by `make metrics-check`. Prometheus is Debian's package, unpacked below .deploy-tools/ and not installed, or what PATH has.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import check_scaler

from botticelli.monitoring.budget_scopes import known_scopes
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".deploy-tools" / "prometheus"
BOTTICELLI = Path(sys.executable).parent / "botticelli"
WAIT_SECONDS = 90.0
SCALER = "max(botticelli_admissible_iterations) or vector(0)"
TIER = """windows = [
    { metric = "cost_microusd", limit = 5000000, period_seconds = 86400 },
    { metric = "requests", limit = 6, period_seconds = 3 },
]"""
SETTINGS = f"""
[drivers.echo]
errors = ["500", "429:0.1"]
[providers.echo]
default_tier = "demo"
[providers.echo.tiers.demo]
usd_per_million_input = 1
usd_per_million_output = 5
{TIER}
"""
NARRATIVE = """
[narrative]
name = "demo"
[narrative.carousel]
iterations = 12
concurrency = 3
on_budget_exhausted = "wait"
estimated_tokens_per_iteration = 100
[acts]
write = "Write a line about number {iteration}."
"""


def main() -> int:
    """Print what was checked; return the exit code."""
    folder = _binaries()
    promtool, rules = str(folder / "promtool"), str(DEPLOY / "prometheus" / "alerts.yml")
    _run(promtool, "check", "rules", rules)
    _run(promtool, "test", "rules", "alerts_test.yml", cwd=DEPLOY / "prometheus")
    with tempfile.TemporaryDirectory() as place, _exporter(Path(place)) as (port, page):
        _run(promtool, "check", "metrics", text=page)
        with _prometheus(folder / "prometheus", Path(place), port) as url:
            empty = [name for name, expression in _expressions() if not _answer(url, expression)]
            scaler = _answer(url, SCALER)
    opening = _opening(folder / "prometheus")
    print(f"metrics: 8 alerts, {len(list(_expressions()))} expressions of panels, scaler {scaler[0]['value'][1]}")
    print(
        f"scaler: 0 in {opening.shut_answers} answers while the budget was shut for {check_scaler.SHUT_SECONDS:g} s, "
        f"{opening.admissible:g} {opening.late_seconds:.1f} s after it opened"
    )
    print("\n".join(f"no data: {name}" for name in empty))
    return 1 if empty or opening.admissible != check_scaler.CONCURRENCY else 0


def _opening(program: Path) -> check_scaler.Opening:
    """Shut a budget, and follow what the scaler asks until it opens."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        check_scaler.write_files(place)
        environ = {**os.environ, "BOTTICELLI_HOME": str(place / "home")}
        port = urllib.parse.urlsplit(stack.enter_context(_serving(place, environ))).port or 0
        run = [str(BOTTICELLI), "run", "demo.toml", "--model", "echo/echo", "--detach"]
        subprocess.run(run, cwd=place, env=environ, check=True, capture_output=True)
        with ExitStack() as fleet:
            fleet.enter_context(_worker(place, environ))
            url = stack.enter_context(_prometheus(program, place, port))
            runtime = Runtime(load_settings(environ=environ, cwd=place))
            stack.callback(runtime.close)

            def query(expression: str) -> float | None:
                answer = _answer(url, expression)
                return float(answer[0]["value"][1]) if answer else None

            def shut_for_seconds() -> float:
                [scope] = known_scopes(runtime)
                return runtime.budget.usage(scope).blocked_for_ms / 1000

            return check_scaler.watch_budget_open(query, SCALER, fleet.close, shut_for_seconds)


def _binaries() -> Path:
    """Return the folder of prometheus and promtool; unpacks Debian's package when there is none."""
    installed = shutil.which("promtool")
    if installed and shutil.which("prometheus"):
        return Path(installed).parent
    unpacked = TOOLS / "usr" / "bin"
    if not (unpacked / "promtool").exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", "prometheus", cwd=TOOLS)
        [package] = TOOLS.glob("prometheus_*.deb")
        _run("dpkg", "-x", package.name, ".", cwd=TOOLS)
    return unpacked


def _run(*command: str, cwd: Path | None = None, text: str | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


@contextmanager
def _exporter(place: Path) -> Iterator[tuple[int, str]]:
    """Perform a demo run and serve its metrics; yield the port, and a page."""
    (place / "botticelli.toml").write_text(SETTINGS, encoding="utf-8")
    (place / "demo.toml").write_text(NARRATIVE, encoding="utf-8")
    environ = {**os.environ, "BOTTICELLI_HOME": str(place / "home")}
    run = [str(BOTTICELLI), "run", "demo.toml", "--model", "echo/echo"]
    with _serving(place, environ) as url:
        subprocess.run(run, cwd=place, env=environ, check=True, capture_output=True)
        with _worker(place, environ):
            yield urllib.parse.urlsplit(url).port or 0, _get(url)


@contextmanager
def _serving(place: Path, environ: dict[str, str]) -> Iterator[str]:
    """Run the exporter, and the embedded servers that it starts; yield the URL of its page."""
    command = [str(BOTTICELLI), "metrics", "--port", "0"]
    with subprocess.Popen(command, cwd=place, env=environ, stdout=subprocess.PIPE, text=True) as exporter:
        try:
            assert exporter.stdout is not None
            yield exporter.stdout.readline().split()[-1]
        finally:
            exporter.terminate()
            exporter.wait(30)
            down = [str(BOTTICELLI), "services", "down", "--force"]
            subprocess.run(down, cwd=place, env=environ, check=False, capture_output=True)


@contextmanager
def _worker(place: Path, environ: dict[str, str]) -> Iterator[None]:
    """Run a worker while Prometheus asks."""
    command = [str(BOTTICELLI.parent / "celery"), "-A", "botticelli", "worker"]
    with (place / "worker.log").open("w") as log:
        worker = subprocess.Popen(command, cwd=place, env=environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


@contextmanager
def _prometheus(program: Path, place: Path, port: int) -> Iterator[str]:
    """Start Prometheus with the rules of deploy/, on a free port; yield its URL once it has several samples."""
    config = {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / "alerts.yml")],
        "scrape_configs": [{"job_name": "botticelli", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    (place / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    address = f"127.0.0.1:{_free_port()}"
    arguments = [f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/data"]
    with (place / "prometheus.log").open("w") as log:
        server = subprocess.Popen([str(program), *arguments, f"--web.listen-address={address}"], stderr=log, stdout=log)
    try:
        _wait_for_samples(f"http://{address}")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_samples(url: str) -> None:
    deadline, pause = time.monotonic() + WAIT_SECONDS, threading.Event()
    while time.monotonic() < deadline:
        try:
            counted = _answer(url, "count_over_time(max(botticelli_worker_threads)[1m:1s])")
            if counted and float(counted[0]["value"][1]) >= 8:
                return
        except OSError:
            pass
        pause.wait(0.5)
    raise SystemExit(f"Prometheus had no samples after {WAIT_SECONDS:g} s")


def _expressions() -> Iterator[tuple[str, str]]:
    """Yield each panel's expressions with their titles."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "botticelli.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']}: {target['expr']}", target["expr"]


def _answer(url: str, expression: str) -> list[Any]:
    query = urllib.parse.urlencode({"query": expression})
    answer = json.loads(_get(f"{url}/api/v1/query?{query}"))
    assert answer["status"] == "success", answer
    return list(answer["data"]["result"])


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


if __name__ == "__main__":
    sys.exit(main())
