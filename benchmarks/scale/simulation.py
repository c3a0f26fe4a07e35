"""Simulates fleets that this machine can't hold, from the measured cost of an iteration: which part is full first, and when.

Each thread of a worker performs one iteration after the other. An iteration visits its worker's core, Postgres and Redis in
turns, waits for each while it is busy, and waits for the disk and the model. A worker is one process and computes on one core.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

TURNS = 4
"""Visits of Postgres and of Redis in an iteration: claim, draw, record, end."""
WARM_UP = 0.3
"""Part of the simulated time that is not counted, until the queues have their usual length."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time that one iteration takes of each part, and how long it waits beside that, in milliseconds."""

    worker_ms: float
    postgres_ms: float
    redis_ms: float
    waits_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Iterations a second, and for each part the share of its cores that was busy."""

    workers: int
    per_second: float
    busy: dict[str, float]

    @property
    def fullest(self) -> str:
        return max(self.busy, key=lambda part: self.busy[part])


@dataclass(eq=False, slots=True)
class Cores:
    """Cores with one queue, first come, first served."""

    free: int
    queue: deque[Callable[[], None]] = field(default_factory=deque)

    def take(self, then: Callable[[], None]) -> None:
        if self.free:
            self.free -= 1
            then()
        else:
            self.queue.append(then)

    def give_back(self) -> None:
        if self.queue:
            self.queue.popleft()()
        else:
            self.free += 1


@dataclass(frozen=True, slots=True)
class Step:
    """Something that takes time on cores that are taken in order; without cores it is a wait."""

    part: str
    cores: Sequence[Cores]
    mean_ms: float


class Simulation:
    """A clock that jumps from event to event, and the time that each part was busy after the warm-up."""

    def __init__(self, warm_up_ms: float, seed: int) -> None:
        self._now_ms = 0.0
        self._warm_up_ms = warm_up_ms
        self._chance = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.busy_ms: defaultdict[str, float] = defaultdict(float)
        self.ended = 0

    def run(self, until_ms: float) -> None:
        while self._events and self._events[0][0] <= until_ms:
            self._now_ms, _, event = heapq.heappop(self._events)
            event()

    def repeat(self, steps: Sequence[Step]) -> None:
        """Perform iterations, one after the other, for ever."""
        self._perform(steps, iter(steps))

    def _perform(self, steps: Sequence[Step], left: Iterator[Step]) -> None:
        step = next(left, None)
        if step is None:
            self.ended += self._now_ms > self._warm_up_ms
            left = iter(steps)
            step = next(left)
        self._begin(step, list(step.cores), lambda: self._perform(steps, left))

    def _begin(self, step: Step, cores: list[Cores], then: Callable[[], None]) -> None:
        """Take what cores are left to take, spend the time, give all back."""
        if cores:
            cores[0].take(lambda: self._begin(step, cores[1:], then))
            return
        took_ms = self._chance.expovariate(1 / step.mean_ms) if step.mean_ms else 0.0
        if self._now_ms > self._warm_up_ms:
            self.busy_ms[step.part] += took_ms

        def end() -> None:
            for each in step.cores:
                each.give_back()
            then()

        heapq.heappush(self._events, (self._now_ms + took_ms, next(self._order), end))


def simulate(
    cost: Cost, workers: int, threads: int, postgres_cores: int, *, shared: bool = False, seconds: float = 10.0
) -> Outcome:
    """Return what `workers` of so many threads do with a Postgres and a Redis that have machines of their own.

    `shared`: all processes share the `postgres_cores`, as on the machine on which the cost was measured.
    """
    simulation = Simulation(WARM_UP * 1000 * seconds, seed=1)
    postgres, redis = Cores(postgres_cores), Cores(1)
    machine = [postgres] if shared else []
    for _ in range(workers):
        own = Cores(1)
        turn = (
            Step("workers", [own, *machine], cost.worker_ms / TURNS),
            Step("Postgres", [postgres], cost.postgres_ms / TURNS),
            Step("Redis", [redis, *machine], cost.redis_ms / TURNS),
            Step("waits", [], cost.waits_ms / TURNS),
        )
        for _ in range(threads):
            simulation.repeat(turn * TURNS)
    simulation.run(1000 * seconds)
    counted_ms = (1 - WARM_UP) * 1000 * seconds
    cores: dict[str, int] = {"workers": workers, "Postgres": postgres_cores, "Redis": 1}
    busy = {part: simulation.busy_ms[part] / counted_ms / number for part, number in cores.items()}
    return Outcome(workers, 1000 * simulation.ended / counted_ms, busy)
