"""Measures what an iteration costs: statements, commits, trips to Redis, wake-ups and processor time of each server.

`python -m benchmarks.profile_iteration [--iterations N] [--statements] [--json]`. Counts are exact on any machine; times
depend on it. The statements are counted in runs of their own, for which Postgres logs them all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sqlalchemy import text

from benchmarks.carousel import CONCURRENCY, worker
from botticelli.carousel import EnqueueRequest, enqueue, result_of
from botticelli.client import Client
from botticelli.narrative import parse_narrative
from botticelli.runtime.process import Runtime
from botticelli.services.files.paths import Paths
from botticelli.settings import load_settings

NARRATIVE = """
[narrative]
name = "profile"
[narrative.carousel]
iterations = {iterations}
concurrency = {concurrency}
estimated_tokens_per_iteration = 100
[acts]
"""
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
RUN_SECONDS = 600
STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")
SHORT = 60
"""Characters of a statement by which it is told apart."""


@dataclass(frozen=True)
class Counts:
    """Counters of the fleet at one moment."""

    commits: int
    redis_commands: int
    redis_trips: int
    worker_wakeups: int
    worker_cpu_ms: float
    postgres_cpu_ms: float
    redis_cpu_ms: float


@dataclass(frozen=True)
class Profile:
    """The cost of one iteration, averaged over a run."""

    acts: int
    in_flight: int
    hop_ms: float
    """Duration of the run divided by its iterations; with one in flight, the hop of a sequential carousel."""
    statements: float
    commits: float
    redis_commands: float
    redis_trips: float
    worker_wakeups: float
    worker_cpu_ms: float
    postgres_cpu_ms: float
    redis_cpu_ms: float

    @property
    def title(self) -> str:
        return f"{self.acts} act{'s' * (self.acts > 1)}, {self.in_flight} in flight"


class Fleet:
    """One worker, one Postgres and one Redis, all of this benchmark's own."""

    def __init__(self, runtime: Runtime, worker_pid: int) -> None:
        self.runtime = runtime
        self._worker_pid = worker_pid
        with runtime.store.engine.connect() as connection:
            folder = Path(connection.execute(text("show data_directory")).scalar_one())
        self._postgres_pid = int((folder / "postmaster.pid").read_text().split()[0])
        self._redis_pid = int(runtime.redis.info("server")["process_id"])

    def counts(self) -> Counts:
        with self.runtime.store.engine.connect() as connection:
            query = "select xact_commit from pg_stat_database where datname = current_database()"
            commits = connection.execute(text(query)).scalar_one()
        stats = self.runtime.redis.info("stats")
        return Counts(
            commits,
            stats["total_commands_processed"],
            stats["total_reads_processed"],
            sum(_wakeups(pid) for pid in _family(self._worker_pid)),
            sum(_cpu_ms(pid) for pid in _family(self._worker_pid)),
            sum(_cpu_ms(pid) for pid in _family(self._postgres_pid)),
            _cpu_ms(self._redis_pid),
        )

    def run(self, acts: int, in_flight: int, iterations: int) -> float:
        """Perform one run and return its duration in seconds."""
        lines = "".join(f'act_{n} = "Say hello {{iteration}}"\n' for n in range(acts))
        toml = NARRATIVE.format(iterations=iterations, concurrency=in_flight) + lines
        loaded = parse_narrative(toml, source="profile", folder=None)
        run_id = enqueue(self.runtime, loaded, "profile", EnqueueRequest()).run.id
        with Client(self.runtime.settings) as client:
            client.wait(run_id, timeout_seconds=RUN_SECONDS)
        with self.runtime.store.transaction() as tx:
            result = result_of(tx.runs.get(run_id))
        assert result.successful_iterations == iterations, result
        return result.duration_seconds

    @contextmanager
    def logged(self) -> Iterator[Counter[str]]:
        """Let Postgres log every statement, and count them when the block ends."""
        log, statements = Paths(self.runtime.settings.home).log("postgres"), Counter[str]()
        self._set_logging("all")
        begin = log.stat().st_size
        yield statements
        self._set_logging("none")
        with log.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(begin)
            matches = (STATEMENT.search(line) for line in lines)
            statements.update(_name(match[1]) for match in matches if match)

    def _set_logging(self, level: str) -> None:
        with self.runtime.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"alter system set log_statement = '{level}'"))
            connection.execute(text("select pg_reload_conf()"))
            while connection.execute(text("show log_statement")).scalar_one() != level:
                time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=400, help="iterations per run (default 400)")
    parser.add_argument("--statements", action="store_true", help="list the statements of an iteration")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as folder:
        profiles, statements = measure(Path(folder), options.iterations)
    if options.json:
        print(json.dumps([asdict(profile) for profile in profiles]))
        return
    print(table(profiles))
    if options.statements:
        for run, counts in statements.items():
            print("\n".join(["", run, *(f"{count:7.2f}  {name}" for name, count in counts.items())]))


def measure(home: Path, iterations: int) -> tuple[list[Profile], dict[str, dict[str, float]]]:
    """Profile iterations of one and of three acts; also return how often each statement runs in each of these runs."""
    environ = {"BOTTICELLI_HOME": str(home), "BOTTICELLI_DEFAULT_MODEL": "echo/echo"}
    runtime = Runtime(load_settings(environ=environ, cwd=home))
    profiles, statements = [], dict[str, dict[str, float]]()
    try:
        runtime.store  # noqa: B018  starts Postgres and makes the schema, before the worker looks for it
        with worker("botticelli", home, runtime) as pid:
            fleet = Fleet(runtime, pid)
            fleet.run(1, CONCURRENCY, iterations)
            for acts, in_flight in ((1, CONCURRENCY), (1, 1), (3, CONCURRENCY), (3, 1)):
                profile, listed = _profile(fleet, acts, in_flight, iterations)
                profiles.append(profile)
                statements[profile.title] = listed
    finally:
        runtime.close()
    return profiles, statements


def _profile(fleet: Fleet, acts: int, in_flight: int, iterations: int) -> tuple[Profile, dict[str, float]]:
    before = fleet.counts()
    seconds = fleet.run(acts, in_flight, iterations)
    after = fleet.counts()
    with fleet.logged() as statements:
        fleet.run(acts, in_flight, iterations)
    used = {name: (value - asdict(before)[name]) / iterations for name, value in asdict(after).items()}
    executed = sum(count for name, count in statements.items() if not _is_frame(name)) / iterations
    rounded = {name: round(value, 2) for name, value in used.items()}
    profile = Profile(acts, in_flight, round(1000 * seconds / iterations, 2), round(executed, 2), **rounded)
    return profile, {name: count / iterations for name, count in statements.most_common(40)}


def _is_frame(name: str) -> bool:
    return name.upper().startswith(("BEGIN", "COMMIT", "ROLLBACK"))


def _name(statement: str) -> str:
    return " ".join(statement.split())[:SHORT]


def _family(pid: int) -> list[int]:
    """Return a process and its descendants; itself alone if it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        children = []
    return [pid, *(descendant for child in children for descendant in _family(int(child)))]


def _cpu_ms(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended, in milliseconds; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return 1000 * TICK_SECONDS * sum(map(int, fields[11:15]))


def _wakeups(pid: int) -> int:
    """Return how often the threads of a process went to sleep."""
    statuses = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M)[0]) for status in statuses)


def table(profiles: list[Profile]) -> str:
    """Return the profiles as a table, one column for each."""
    head = [profile.title for profile in profiles]
    names = [field.name for field in fields(Profile) if field.name not in ("acts", "in_flight")]
    figures = {name: " | ".join(f"{getattr(profile, name):g}" for profile in profiles) for name in names}
    rows = [f"| {name.replace('_', ' ')} | {row} |" for name, row in figures.items()]
    return "\n".join([f"| of one iteration | {' | '.join(head)} |", "| --- " * (len(head) + 1) + "|", *rows])


if __name__ == "__main__":
    main()
