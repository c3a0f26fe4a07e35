"""Measures what open streams of events cost a server: `python -m benchmarks.streams`.

In turns, the same requests are made to one `botticelli serve` without streams and with 200 of them, while something happens
to the watched run. Memory is that of the server's process.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

PROGRAM = str(Path(sys.executable).with_name("botticelli"))
NARRATIVE = '[narrative]\nname = "greet"\n[acts.hello]\nmodel = "echo/echo"\nprompt = "Hello."\n'
REQUESTS, TURNS = 300, 5
ACTION_SECONDS = 0.5


@contextmanager
def server(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start `botticelli serve` on a free port, and end it."""
    environ = {**os.environ, "BOTTICELLI_HOME": str(home)}
    command = [PROGRAM, "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, cwd=home)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    try:
        yield process, url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        subprocess.run([PROGRAM, "services", "down", "--force"], env=environ, check=False)


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def p95_ms(client: httpx2.Client, path: str) -> float:
    """Return the 95th percentile of the time that a request takes."""
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        client.get(path).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=20)[-1]


@contextmanager
def streams(url: str, run_id: str, count: int) -> Iterator[None]:
    """Keep streams open, read by a process of its own: it must not share a lock with the client that is timed."""
    command = [sys.executable, "-m", "benchmarks.streams.readers", url, run_id, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == b"open\n"
        yield
    finally:
        process.stdin.close()
        print(f"{process.stdout.read().decode().strip()}", file=sys.stderr)
        process.wait(30)


def act(url: str, run_id: str, stopped: threading.Event) -> None:
    """Let something happen to the run, twice a second."""
    with httpx2.Client(base_url=url) as client:
        while not stopped.wait(ACTION_SECONDS):
            for verb in ("pause", "resume"):
                client.post(f"/v1/runs/{run_id}:{verb}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    count = parser.parse_args().streams
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="streams")))
        process, url = parts.enter_context(server(folder))
        client = parts.enter_context(httpx2.Client(base_url=url, timeout=60))
        run_id = client.post("/v1/runs", json={"text": NARRATIVE, "iterations": 5}).json()["run"]["id"]
        p95_ms(client, "/v1/runs")
        stopped = threading.Event()
        threading.Thread(target=act, args=(url, run_id, stopped), daemon=True).start()
        without, beside, memory = [], [], []
        for _ in range(TURNS):
            idle = memory_mb(process.pid)
            without.append(p95_ms(client, "/v1/runs"))
            with streams(url, run_id, count):
                beside.append(p95_ms(client, "/v1/runs"))
                memory.append(memory_mb(process.pid) - idle)
        stopped.set()
    print("| streams | p95 of GET /v1/runs, ms | ratio | more memory, MB |\n| --- | --- | --- | --- |")
    low, high = statistics.median(without), statistics.median(beside)
    print(f"| 0 | {low:.1f} | 1.00 | 0 |\n| {count} | {high:.1f} | {high / low:.2f} | {max(memory):.0f} |")


if __name__ == "__main__":
    main()
