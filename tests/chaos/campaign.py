"""A real cluster under faults by chance, judged after each round. Replayable: the seed decides what happens, and when.

`python -m tests.chaos.campaign --rounds 200 --seed 7`; exit code 1 when a promise was broken or a run hung.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from botticelli.client import Client
from botticelli.runtime.server_errors import SERVER_ERRORS
from botticelli.store import Run
from tests.chaos.fleet.cluster import Cluster
from tests.chaos.fleet.faults import FAULTS
from tests.chaos.fleet.invariants import audit_violations, held, limits_passed, secrets_in, violations
from tests.chaos.fleet.world import DAY_SECONDS, FALLS, KEY, PERIOD_SECONDS, TOKEN, narrative_of, world
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

REQUESTS, TOKENS = 12, 2400
"""In two seconds; two runs want about as many."""
DAY_REQUESTS, SCARCE_REQUESTS = 400, 15
"""In a day; the second for the model of every fifth round, whose runs can't be completed."""
ITERATIONS, RETRIES = 6, 12
POOLS = ("threads", "threads", "prefork")
HUNG_SECONDS = 240
TICKET_LEASE_SECONDS = 180


@dataclass
class Report:
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        faults = [f"  {name} {count}" for name, count in sorted(self.faults.items())]
        figures = ", ".join(f"{count} {name}" for name, count in self.figures.items())
        promises = Counter(line.split(":")[1].strip() for line in self.broken)
        verdicts = [
            f"  {name}: {promises[name] or 'kept'}" for name in ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "hung")
        ]
        return [f"seed {self.seed}: {self.faults.total()} faults", *faults, figures, *verdicts, *self.broken]


@dataclass
class Campaign:
    cluster: Cluster
    seed: int
    second_fault: float = 0.3
    """How likely one fault is followed by another at once."""
    say: Callable[[str], None] = lambda line: None

    def __post_init__(self) -> None:
        self.report = Report(self.seed)
        self._since = datetime.now(UTC)
        self._deck = self._kinds()

    def _kinds(self) -> Iterator[str]:
        """Each as often as the others; the first time in their order, so that a short campaign has what matters most."""
        kinds, chance = list(FAULTS), random.Random(self.seed)
        while True:
            yield from kinds
            chance.shuffle(kinds)

    def perform(self, rounds: int) -> Report:
        for number in range(1, rounds + 1):
            self._round(number)
        self._end(rounds)
        return self.report

    def _round(self, number: int) -> None:
        chance = random.Random(f"{self.seed}.{number}")
        scarce = is_scarce(number)
        second = f"{FALLS}{number}" if falls(number) else f"r{number}b"
        tags, began = [f"r{number}a", second], time.monotonic()
        for tag in tags:
            policy = "stop" if scarce else "wait"
            text = narrative_of(
                tag, model_of(number), ITERATIONS, concurrency=3, retries=RETRIES, on_budget_exhausted=policy
            )
            self.cluster.house.write(f"narratives/{tag}.toml", text)
        for process, tag in enumerate(tags):
            self.cluster.ask(process, tag, wire=bool(process))
        kinds, unanswered = [next(self._deck)], 0
        kinds += [next(self._deck)] if chance.random() < self.second_fault else []
        for kind in kinds:
            threading.Event().wait(chance.uniform(0, 2))
            unanswered += FAULTS[kind](self.cluster, chance, tags)
            self.report.faults[kind] += 1
        broken = [line for process, tag in enumerate(tags) for line in self._judged(process, tag, scarce, unanswered)]
        self.cluster.world.discord.faults.clear()
        self.cluster.world.provider.stop_playing()
        limit = SCARCE_REQUESTS if scarce else DAY_REQUESTS
        passed, late = limits_passed(self.cluster.runtime, self.cluster.world, model_of(number), REQUESTS, limit)
        self.report.figures["calls that came later than the guard allows for"] += late
        violated = [f"round {number} ({' + '.join(kinds)}): {line}" for line in [*broken, *passed]]
        self.report.broken += violated
        self.say("\n".join([f"round {number}: {' + '.join(kinds)}, {time.monotonic() - began:.1f} s", *violated]))

    def _judged(self, process: int, tag: str, scarce: bool, unanswered: int) -> list[str]:
        run_id = self.cluster.enqueue(process, tag, wire=bool(process))
        try:
            wait_until(lambda: self._is_over(run_id, scarce), f"run {tag}", HUNG_SECONDS)
        except AssertionError:
            with Client(self.cluster.runtime.settings) as client:
                why = client.diagnose(run_id).summary
                client.cancel(run_id)
            return [f"hung: {tag}: {why}"]
        violated = violations(
            self.cluster.runtime, self.cluster.world, run_id, tag, unanswered=unanswered, scarce=scarce
        )
        self._count(run_id, tag)
        return [f"{line} [{tag}]" for line in violated]

    def _is_over(self, run_id: str, scarce: bool) -> bool:
        """One that waits for another day is not hung; it is cancelled, which is an end."""
        run = self._run(run_id)
        if run is None:
            return False
        waits = run.due_at is not None and (run.due_at - run.now).total_seconds() > DAY_SECONDS / 2
        if scarce and run.status == "waiting" and waits:
            with Client(self.cluster.runtime.settings) as client:
                client.cancel(run_id)
        return run.is_final

    def _run(self, run_id: str) -> Run | None:
        try:
            with self.cluster.runtime.store.transaction() as tx:
                return tx.runs.get(run_id)
        except SERVER_ERRORS:
            return None

    def _count(self, run_id: str, tag: str) -> None:
        with self.cluster.runtime.store.transaction() as tx:
            iterations = tx.iterations.of_run(run_id)
        answered = self.cluster.world.answered(tag)
        self.report.figures["runs"] += 1
        self.report.figures["iterations"] += len(iterations)
        self.report.figures["calls"] += answered.total()
        self.report.figures["calls paid twice"] += answered.total() - len(answered)
        self.report.figures["attempts lost"] += sum(max(0, iteration.attempt - 1) for iteration in iterations)

    def _end(self, rounds: int) -> None:
        runtime = self.cluster.runtime
        models = [model_of(number) for number in range(1, rounds + 1)]
        try:
            wait_until(
                lambda: not any(held(runtime, f"openai/{model_name}") for model_name in models),
                "tickets",
                TICKET_LEASE_SECONDS,
            )
        except AssertionError:
            self.report.broken.append("end: I5: the Budget holds tickets of runs that are over")
        self.report.broken += [f"end: {line}" for line in audit_violations(runtime, self._since)]
        self.report.broken += [f"end: {line}" for line in secrets_in(self.cluster.house.folder)]


def is_scarce(number: int) -> bool:
    return number % 5 == 0


def falls(number: int) -> bool:
    """Whether the second run of the round has an iteration that can't succeed."""
    return number % 4 == 2


def model_of(number: int) -> str:
    return f"gpt-6-luna-{'scarce' if is_scarce(number) else 'round'}-{number}"


def tiers(rounds: int) -> dict[str, object]:
    def windows(day_requests: int) -> list[dict[str, object]]:
        return [
            {"metric": "requests", "limit": REQUESTS, "period_seconds": PERIOD_SECONDS},
            {"metric": "tokens", "limit": TOKENS, "period_seconds": PERIOD_SECONDS},
            {"metric": "requests", "limit": day_requests, "period_seconds": DAY_SECONDS},
        ]

    scarce = {
        model_of(number): {"windows": windows(SCARCE_REQUESTS)} for number in range(1, rounds + 1) if is_scarce(number)
    }
    return {"windows": windows(DAY_REQUESTS), "models": scarce}


@contextmanager
def cluster_in(folder: Path, rounds: int) -> Iterator[Cluster]:
    """Three workers and two enqueuers, with servers of their own. The environment of this process has the two secrets."""
    house = House(folder / "house", rehearses=False)
    house.folder.mkdir()
    with world(latency_seconds=0.1) as outside:
        made = Cluster(house, outside, tiers(rounds), pools=POOLS, enqueuers=2)
        try:
            yield made
        finally:
            made.close()
            house.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    os.environ |= {"OPENAI_API_KEY": KEY, "DISCORD_TOKEN": TOKEN}
    print(f"seed {options.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="botticelli-chaos-") as folder,
        cluster_in(Path(folder), options.rounds) as made,
    ):
        report = Campaign(made, options.seed, say=lambda line: print(line, flush=True)).perform(options.rounds)
    print("\n".join(report.lines()))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
