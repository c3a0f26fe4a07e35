"""A small fleet over one data directory, and what can be done to its processes. Judges nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import text

from botticelli import services
from botticelli.messages import run_id_for
from botticelli.runtime.process import Runtime
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.services.files.paths import Paths
from botticelli.settings import load_settings
from botticelli.telemetry.failpoints import Point
from tests.chaos.fleet.world import World
from tests.support.fleet.processes import House, Process
from tests.support.fleet.wrong_clock import CLOCK
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
LEASE_SECONDS = 2.0
AGAIN_SECONDS = 3.0
"""An enqueuer whose run is not there after so long is asked again."""
SETTINGS = {
    "BOTTICELLI_WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
    "BOTTICELLI_WORKER__SWEEP_INTERVAL_SECONDS": "0.3",
    "BOTTICELLI_WORKER__REDELIVERY_GRACE_SECONDS": "1",
    "BOTTICELLI_WORKER__MAX_ATTEMPTS": "20",
}


class Cluster:
    """Postgres, Redis, workers and enqueuers; all but the servers can be held at armed failpoints."""

    def __init__(
        self, house: House, world: World, tiers: Mapping[str, Any], pools: tuple[str, ...], enqueuers: int
    ) -> None:
        self.house = house
        self.world = world
        house.settings |= SETTINGS | world.settings(tiers)
        self.points = house.folder / "failpoints"
        self.points.mkdir()
        (house.folder / "clock").mkdir()
        self._membership = services.join(house.home)
        self.runtime = Runtime(load_settings(environ=house.environ, cwd=house.folder))
        wait_until(lambda: not self.strangers(), "others than this test to leave these servers")
        self.pools = pools
        self.workers = [self._worker(pool) for pool in pools]
        for worker, pool in zip(self.workers, pools, strict=True):
            worker.wait_until_ready()
            assert pool == "threads" or f"({pool})" in worker.text(), worker.text()
        self.enqueuers = [self._enqueuer() for _ in range(enqueuers)]

    def strangers(self) -> list[str]:
        """Return the connections to the servers beside those of this process. A closed one may be listed a moment longer."""
        others = "backend_type = 'client backend' and pid <> pg_backend_pid()"
        query = f"select application_name from pg_stat_activity where {others}"
        with self.runtime.store.engine.connect() as connection:
            sessions = [str(row[0]) for row in connection.execute(text(query))]
        with redis.Redis.from_url(self._membership.redis_url) as line:
            return sessions + [client["name"] for client in line.client_list() if client["id"] != str(line.client_id())]

    def _environ(self, number: int) -> dict[str, str]:
        return {
            "BOTTICELLI_FAILPOINTS": str(self.points),
            CLOCK: str(self.house.folder / "clock" / str(number)),
            "PYTHONPATH": str(ROOT),
        }

    def _worker(self, pool: str) -> Process:
        options = ("--pool", pool, "--concurrency", "4" if pool == "threads" else "2")
        return self.house.coming_worker(*options, environ=self._environ(len(self.house.started)))

    def _enqueuer(self) -> Process:
        environ = self._environ(len(self.house.started))
        process = self.house.start(
            sys.executable, "-m", "tests.chaos.fleet.enqueuer", environ=environ, stdin=subprocess.PIPE
        )
        wait_until(lambda: "ready" in process.text(), "the enqueuer to be ready")
        return process

    def set_clock(self, process: Process, seconds: float) -> None:
        """Its clock is so much ahead of the others from now on."""
        (self.house.folder / "clock" / str(self.house.started.index(process))).write_text(str(seconds))

    def sweeper(self) -> Process:
        """The worker that swept last: whom the others leave it to."""
        return wait_until(self._sweeper, "a worker to sweep")  # type: ignore[return-value]

    def _sweeper(self) -> Process | None:
        """None while Postgres is away, too, and when it was one that is gone."""
        try:
            with self.runtime.store.engine.connect() as connection:
                name = connection.execute(text("select worker from duties where name = 'sweep'")).scalar()
        except SERVER_ERRORS:
            return None
        pid = str(name).rpartition(":")[2]
        return next((worker for worker in self.workers if str(worker.pid) == pid), None)

    # Enqueuing

    def ask(self, number: int, name: str, *, wire: bool) -> None:
        """Have an enqueuer enqueue `narratives/NAME.toml`; the name is the idempotency key as well."""
        stdin = self.enqueuers[number].popen.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps({"name": name, "key": name, "wire": wire}) + "\n")
            stdin.flush()
        except BrokenPipeError:
            self.replace_enqueuer(self.enqueuers[number])

    def enqueue(self, number: int, name: str, *, wire: bool) -> str:
        """As a person would: ask until the run is there."""
        for _ in range(20):
            self.ask(number, name, wire=wire)
            try:
                wait_until(lambda: self.is_there(name), f"run {name}", AGAIN_SECONDS)
                break
            except AssertionError:
                continue
        assert self.is_there(name), f"{name} could not be enqueued: {self.enqueuers[number].text()}"
        return run_id_for(name)

    def is_there(self, name: str) -> bool:
        """False while Postgres is away, too."""
        try:
            with self.runtime.store.engine.connect() as connection:
                query = text("select count(*) from runs where id = :id")
                return bool(connection.execute(query, {"id": run_id_for(name)}).scalar())
        except SERVER_ERRORS:
            return False

    def replace_enqueuer(self, victim: Process) -> None:
        if victim.popen.poll() is None:
            victim.kill()
        self.enqueuers[self.enqueuers.index(victim)] = self._enqueuer()

    # Failpoints

    def arm(self, point: Point) -> None:
        """The next process that reaches it is held there."""
        (self.points / point).touch()

    def disarm(self, point: Point) -> bool:
        """Whether no process comes to be held there. One that has just come is soon."""
        try:
            (self.points / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def held(self, point: Point, timeout_seconds: float = 180) -> int:
        """The process that is held, once there is one."""
        reached = self.points / f"{point}.reached"
        wait_until(reached.exists, f"a process to reach {point}", timeout_seconds)
        return int(reached.read_text())

    def let_go(self, point: Point) -> None:
        (self.points / f"{point}.reached").unlink()

    def let_go_and_arm(self, point: Point) -> None:
        """At once: what is let go can't pass the point again before the next one is held there."""
        (self.points / f"{point}.reached").rename(self.points / point)

    def of_pid(self, pid: int) -> Process:
        """Whose process that is; a child belongs to its worker."""
        group = os.getpgid(pid)
        return next(worker for worker in (*self.workers, *self.enqueuers) if worker.pid == group)

    # Processes

    def kill(self, victim: Process) -> None:
        """SIGKILL, and a new one in its place."""
        if victim in self.enqueuers:
            self.replace_enqueuer(victim)
            return
        self.kill_and_go_on(victim).wait_until_ready()

    def kill_and_go_on(self, victim: Process) -> Process:
        """SIGKILL of a worker; the one in its place is on its way."""
        victim.kill()
        number = self.workers.index(victim)
        self.workers[number] = self._worker(self.pools[number])
        return self.workers[number]

    def children(self, worker: Process) -> list[int]:
        listing = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True, check=False)
        return list(map(int, listing.stdout.split()))

    @contextmanager
    def stopped(self, victim: Process) -> Iterator[None]:
        """SIGSTOP for as long as the block runs: what a paused machine does."""
        os.killpg(victim.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(victim.pid, signal.SIGCONT)

    # Servers

    def signal_service(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and wait for the one that the keeper starts in its place."""
        before = self.pid_of(name)
        os.kill(before, number)
        wait_until(lambda: self._running(name) not in {None, before}, f"another {name}")

    def pid_of(self, name: str) -> int:
        return wait_until(lambda: self._running(name), f"a running {name}") or 0

    def _running(self, name: str) -> int | None:
        service_now = next(service for service in services.status(self.house.home) if service.name == name)
        return service_now.pid if service_now.state == "running" else None

    def line(self) -> redis.Redis:
        return redis.Redis.from_url(self._membership.redis_url)

    def flush_redis(self) -> None:
        with self.line() as line:
            line.flushall()

    @contextmanager
    def redis_goes_back(self) -> Iterator[None]:
        """Reset Redis after the block to the files that it has now: it is killed, and the older files are put back."""
        data, copy = self._paths.data("redis"), self.house.folder / "older"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        yield
        keeper = int(self._paths.keeper.read_text())
        before = self.pid_of("redis")
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(before, signal.SIGKILL)
            shutil.rmtree(data)
            shutil.copytree(copy, data)
        finally:
            os.kill(keeper, signal.SIGCONT)
        wait_until(lambda: self._running("redis") not in {None, before}, "another redis")

    @property
    def _paths(self) -> Paths:
        return Paths(self.house.home)

    def cut_sessions(self) -> None:
        """Every connection to Postgres but the one that says so."""
        with self.runtime.store.engine.connect() as connection:
            query = "pid <> pg_backend_pid() and datname is not null"
            connection.execute(text(f"select pg_terminate_backend(pid) from pg_stat_activity where {query}"))

    def log_lines(self, event: str) -> list[str]:
        """Return the log lines of all processes about one kind of event."""
        return [line for process in self.house.started for line in process.text().splitlines() if event in line]

    def close(self) -> None:
        self.runtime.close()
        for process in (*self.workers, *self.enqueuers):
            if process.popen.poll() is None:
                process.kill()
        self._membership.leave()
