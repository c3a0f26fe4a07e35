"""Runs whose workers are killed around their effects, at points and moments by chance; judged by Discord's own record.

The seed decides where, when and what else goes wrong. Answers that Discord loses come on top.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.messages import run_id_for
from botticelli.telemetry.failpoints import Point
from botticelli.testing.discord import GUILD, Fault
from tests.chaos.fleet.cluster import Cluster
from tests.chaos.fleet.invariants import violations, wait_for_end
from tests.chaos.fleet.world import PERIOD_SECONDS, world
from tests.support.fleet.processes import House, Process
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

ITERATIONS = 2
MOMENT = "any moment"
AROUND: tuple[Point, ...] = (
    "iteration_claimed",
    "effect_intended",
    "effect_performed",
    "effect_recorded",
    "act_recorded",
    "acts_performed",
)
MOST_PASSES = 3
"""At fewer passes than this of a point the worker is killed there."""
SLOW_SECONDS = 0.15
"""The delay of each write: a request may be on its way when its worker dies, and is performed after that."""
LOST = ("drop-after-doing", "drop", "503")
WRITES = ("POST .*/channels$", "POST .*/messages$", "PUT .*/pins/")
GET_OR_CREATE = 'command = "channels.get_or_create"'
GUARDED = 'command = "channels.create"'
TIER = {"windows": [{"metric": "requests", "limit": 10_000, "period_seconds": PERIOD_SECONDS}], "rpd": 100_000}
ACTS = """
[acts.setup]
{condition}
[[acts.setup.input]]
type = "bot_command"
{command}
args = {{ guild_id = "{guild}", name = "{tag}" }}

[acts.tell]
output_var = "told"
[[acts.tell.input]]
type = "bot_command"
command = "messages.send"
args = {{ channel_id = "{{state.discord.{guild}.channel.{tag}}}", content = "{tag} {{iteration}}" }}

[acts.pin]
[[acts.pin.input]]
type = "bot_command"
command = "messages.pin"
args = {{ channel_id = "{{state.discord.{guild}.channel.{tag}}}", message_id = "{{act.tell.output.id}}" }}
"""


@dataclass
class Figures:
    """Counts what was done and what came of it. `broken` has one line for each promise that was not kept."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        where = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return [f"seed {self.seed}: {self.kills.total()} runs killed ({where})", counts, *self.broken]


@dataclass
class Kills:
    cluster: Cluster
    seed: int
    say: Callable[[str], None] = lambda line: None

    def __post_init__(self) -> None:
        self.figures = Figures(self.seed)
        self._coming: Process | None = None

    def perform(self, runs: int) -> Figures:
        for number in range(1, runs + 1):
            self._one(f"k{number}", random.Random(f"{self.seed}.{number}"))
        return self.figures

    def _one(self, tag: str, chance: random.Random) -> None:
        """One run, one worker killed in it, and what is found when it has ended."""
        if self._coming is not None:
            self._coming.wait_until_ready()
        discord = self.cluster.world.discord
        discord.faults = [Fault(pattern, "slow", times=10_000, seconds=SLOW_SECONDS) for pattern in WRITES]
        if chance.random() < 0.5:
            lost = Fault(chance.choice(WRITES), chance.choice(LOST), times=chance.randint(1, 2))
            discord.faults.insert(0, lost)
        else:
            lost = None
        self.cluster.house.write(f"narratives/{tag}.toml", narrative_of(tag, guarded=chance.random() < 0.5))
        where = self._kill(tag, chance)
        run_id = run_id_for(tag)
        wait_for_end(self.cluster.runtime, run_id)
        violated = [*violations(self.cluster.runtime, self.cluster.world, run_id, tag), *self._not_pinned(tag)]
        self._count(run_id, lost.kind if lost and not lost.times else None)
        round_ = f"{tag}: {where}" + (f", {lost.kind} of {lost.pattern}" if lost else "")
        self.figures.broken += [f"{round_}: {line}" for line in violated]
        self.say("\n".join([round_, *violated]))

    def _kill(self, tag: str, chance: random.Random) -> str:
        """Where its worker was killed."""
        if chance.random() < 0.5:
            return self._kill_at(tag, chance.choice(AROUND), chance.randrange(MOST_PASSES))
        return self._kill_between(tag, chance.uniform(0, 0.6))

    def _kill_at(self, tag: str, point: Point, passes: int) -> str:
        self.cluster.arm(point)
        self.cluster.enqueue(0, tag, wire=False)
        pid = self.cluster.held(point)
        for _ in range(min(passes, self._passes(point))):
            self.cluster.let_go_and_arm(point)
            pid = self.cluster.held(point)
        self._kill_now(self.cluster.of_pid(pid), point)
        self.cluster.let_go(point)
        return point

    @staticmethod
    def _passes(point: Point) -> int:
        """How many times it is certainly passed again by the iteration that is held: the other one may pass meanwhile."""
        return 2 if point.startswith("effect") else 1 if point == "act_recorded" else 0

    def _kill_between(self, tag: str, seconds: float) -> str:
        """Kill a worker some time after its first write came to Discord.

        So long after its first write came to Discord. An iteration that has performed all its acts by then waits for
        it, so that there is something to kill on a busy machine, too.
        """
        last: Point = "acts_performed"
        self.cluster.arm(last)
        discord = self.cluster.world.discord
        with discord._lock:
            before = sum(fault.times for fault in discord.faults)
        self.cluster.enqueue(0, tag, wire=False)
        wait_until(lambda: sum(fault.times for fault in discord.faults) < before, "a write")
        threading.Event().wait(seconds)
        self._kill_now(self._holder(run_id_for(tag)), MOMENT)
        if not self.cluster.disarm(last):
            self.cluster.held(last)
            self.cluster.let_go(last)
        return f"{seconds:.2f} s after the first write"

    def _kill_now(self, victim: Process, where: str) -> None:
        """The others go on; the one in its place is waited for before the next one is killed."""
        self._coming = self.cluster.kill_and_go_on(victim)
        self.figures.kills[where] += 1

    def _holder(self, run_id: str) -> Process:
        """A worker that has an iteration of it."""

        def holders() -> list[str | None]:
            with self.cluster.runtime.store.transaction() as tx:
                return [iteration.worker for iteration in tx.iterations.of_run(run_id) if iteration.status == "running"]

        names = wait_until(holders, f"an iteration of {run_id} that is performed")
        return self.cluster.of_pid(int(str(names[0]).rpartition(":")[2]))

    def _not_pinned(self, tag: str) -> list[str]:
        """By Discord's record: each message is pinned."""
        messages = self.cluster.world.discord.world.data.messages
        there = [message for channel in self.cluster.world.channels(tag) for message in messages[channel].values()]
        return [f"I4: {message['content']} is not pinned" for message in there if not message["pinned"]]

    def _count(self, run_id: str, lost: str | None) -> None:
        with self.cluster.runtime.store.transaction() as tx:
            iterations, effects = tx.iterations.of_run(run_id), tx.effects.of_run(run_id)
        counts = self.figures.counts
        counts["iterations"] += len(iterations)
        counts["attempts lost"] += sum(max(0, iteration.attempt - 1) for iteration in iterations)
        counts["effects"] += len(effects)
        counts["effects tried again"] += sum(effect.tries > 0 for effect in effects)
        counts["effects of unknown outcome"] += sum(effect.status == "unknown" for effect in effects)
        counts["runs with lost answers"] += lost is not None


def narrative_of(tag: str, *, guarded: bool) -> str:
    """A channel that all iterations share, a message of each, and its pin."""
    condition = f'skip_if = "{{state.discord.{GUILD}.channel.{tag}}}"' if guarded else ""
    command = GUARDED if guarded else GET_OR_CREATE
    acts = ACTS.format(tag=tag, guild=GUILD, condition=condition, command=command)
    options: dict[str, Any] = {"concurrency": 2, "retries": 6, "on_budget_exhausted": "wait"}
    return narrative_text(ITERATIONS, acts, name=tag, **options)


@contextmanager
def cluster_in(folder: Path, pools: tuple[str, ...]) -> Iterator[Cluster]:
    """Workers and an enqueuer, with servers of their own. The environment of this process has the two secrets."""
    house = House(folder / "house", rehearses=False)
    house.folder.mkdir()
    with world() as outside:
        made = Cluster(house, outside, TIER, pools=pools, enqueuers=1)
        try:
            yield made
        finally:
            made.close()
            house.close()
