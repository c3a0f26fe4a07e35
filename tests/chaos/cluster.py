"""A small fleet over one data directory, and the faults that happen to it. Judges nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from botticelli import services
from botticelli.failpoints import Point
from botticelli.runtime import Runtime
from botticelli.services import Membership
from botticelli.settings import load_settings
from tests.support.processes import House, Process
from tests.support.waiting import wait_until

LEASE_SECONDS = 2.0
SETTINGS = {
    "BOTTICELLI_WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
    "BOTTICELLI_WORKER__SWEEP_INTERVAL_SECONDS": "0.3",
    "BOTTICELLI_WORKER__REDELIVERY_GRACE_SECONDS": "1",
    "BOTTICELLI_WORKER__MAX_ATTEMPTS": "20",
}


class Cluster:
    """Postgres, Redis and workers that stop at armed failpoints."""

    def __init__(self, house: House, workers: int) -> None:
        self.house = house
        house.settings |= SETTINGS
        self.points = house.folder / "failpoints"
        self.points.mkdir()
        self._membership = services.join(house.home)
        self.workers = [self._worker() for _ in range(workers)]
        self.runtime = Runtime(load_settings(environ=house.environ, cwd=house.folder))

    def _worker(self) -> Process:
        return self.house.worker("--concurrency", "4", environ={"BOTTICELLI_FAILPOINTS": str(self.points)})

    @property
    def membership(self) -> Membership:
        return self._membership

    def arm(self, point: Point) -> None:
        """The next worker that reaches it is held there."""
        (self.points / point).touch()

    def held(self, point: Point) -> int:
        """The process that is held, once there is one."""
        reached = self.points / f"{point}.reached"
        wait_until(reached.exists, f"a worker to reach {point}", 60)
        return int(reached.read_text())

    def let_go(self, point: Point) -> None:
        (self.points / f"{point}.reached").unlink()

    def of_pid(self, pid: int) -> Process:
        return next(one for one in self.workers if one.pid == pid)

    def kill_worker(self, victim: Process) -> None:
        """SIGKILL, and a new one in its place."""
        victim.kill()
        self.workers[self.workers.index(victim)] = self._worker()

    @contextmanager
    def stopped(self, victim: Process) -> Iterator[None]:
        """SIGSTOP for as long as the block runs: what a paused machine does."""
        os.kill(victim.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(victim.pid, signal.SIGCONT)

    def kill_postgres(self) -> None:
        self._kill_service("postgres")

    def kill_redis(self) -> None:
        self._kill_service("redis")

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self._membership.redis_url) as line:
            line.flushall()

    def _kill_service(self, name: str) -> None:
        """SIGKILL, and wait for the one that the keeper starts in its place."""
        before = self._pid(name)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self._pid(name) not in {None, before}, f"another {name}")

    def _pid(self, name: str) -> int | None:
        found = next(one for one in services.status(self.house.home) if one.name == name)
        return found.pid if found.state == "running" else None

    def log_lines(self, event: str) -> list[str]:
        """What all workers said of one kind of event."""
        return [line for one in self.house.started for line in one.text().splitlines() if event in line]

    def close(self) -> None:
        self.runtime.close()
        for worker in self.workers:
            worker.kill()
        self._membership.leave()


Fault = Callable[[Cluster, Point, int], None]
"""What happens to the process that is held at a point. The point has been let go when it returns."""


def killed(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.kill_worker(cluster.of_pid(pid))
    cluster.let_go(point)


def paused(cluster: Cluster, point: Point, pid: int) -> None:
    """For longer than its lease: others go on without it, and then it wakes up in the middle of its work."""
    from threading import Event

    with cluster.stopped(cluster.of_pid(pid)):
        cluster.let_go(point)
        Event().wait(LEASE_SECONDS * 1.5)


def without_postgres(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.kill_postgres()
    cluster.let_go(point)


def without_redis(cluster: Cluster, point: Point, pid: int) -> None:
    cluster.kill_redis()
    cluster.let_go(point)


FAULTS: dict[str, Fault] = {
    "sigkill": killed,
    "sigstop": paused,
    "postgres_cut": without_postgres,
    "redis_cut": without_redis,
}
