"""Runs the workers of the waiting benchmark, and measures their processor time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 120.0
SAMPLE_SECONDS = 0.05


@dataclass
class Fleet:
    """Workers that are ready."""

    process_ids: list[int]
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.process_ids)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all workers so far."""
        return sum(map(_cpu_seconds, self.process_ids))


class Memory:
    """Measures by how much the resident memory of processes grows at its peak."""

    def __init__(self, process_ids: list[int]) -> None:
        self._process_ids = process_ids
        self.before_mb = self._peak_mb = self._now()
        self._ended = threading.Event()

    @property
    def grown_mb(self) -> float:
        return self._peak_mb - self.before_mb

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure the peak during the block."""
        self.before_mb = self._peak_mb = self._now()
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._peak_mb = max(self._peak_mb, self._now())

    def _now(self) -> float:
        return sum(map(_resident_mb, self._process_ids))


@contextmanager
def fleet(
    app: str, sizes: Sequence[int], environ: Mapping[str, str], logs: Path, count_ready: Callable[[], int]
) -> Iterator[Fleet]:
    """Run a worker of `app` for each of `sizes`, its number of threads."""
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(app, n, size, environ, logs)) for n, size in enumerate(sizes)]
        deadline = time.monotonic() + START_SECONDS
        while count_ready() < len(sizes):
            assert time.monotonic() < deadline, "the workers are too slow"
            assert all(worker.poll() is None for worker in workers), "a worker ended; see its log"
            time.sleep(SAMPLE_SECONDS)
        yield Fleet([worker.pid for worker in workers])


@contextmanager
def _worker(
    app: str, number: int, threads: int, environ: Mapping[str, str], logs: Path
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "--loglevel", "WARNING"]
    command += ["--concurrency", str(threads), "--hostname", f"w{number}@%h"]
    with (logs / f"worker-{number}.log").open("w") as output:
        worker = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environ)
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(START_SECONDS)


def _cpu_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
