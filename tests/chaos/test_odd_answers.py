"""Runs over providers that give all kinds of odd answers at once: no paid answer is lost, and each count agrees."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.chaos.storm.judge import differences
from tests.chaos.storm.kinds import PERCENT
from tests.chaos.storm.provider import Storm, StormRun, storm
from tests.support.fleet.processes import House

CALLS = int(os.environ.get("CALLS") or 10_000)
CALLS_PER_ITERATION = 5.2
"""With those that are made again."""
WIRES = ("openai", "anthropic", "gemini")
IN_LONG = (pytest.mark.long, pytest.mark.timeout(300 + CALLS // 5))
SIZES = [
    pytest.param(200, 498, WIRES[:1], 2, id="short"),
    pytest.param(CALLS, None, WIRES, 6, id="long", marks=IN_LONG),
]
THREADS = 16


@pytest.mark.parametrize(("calls", "seed", "wires", "models"), SIZES)
def test_odd_answers_lose_no_paid_answer_and_end_no_run(
    house: House, calls: int, seed: int | None, wires: Sequence[str], models: int
) -> None:
    chance = int(os.environ.get("SEED") or random.randrange(10**6)) if seed is None else seed
    iterations = round(calls / CALLS_PER_ITERATION / models / len(wires))
    runs = [StormRun(wire, f"{wire}{number}", iterations) for wire in wires for number in range(models)]
    begun = time.monotonic()
    with storm(wires, chance) as (record, settings):
        house.settings |= settings
        workers = [house.coming_worker(*OPTIONS, environ=_streaming(wires, on)) for on in ("true", "false")]
        for worker in workers:
            worker.wait_until_ready()
        with house.client() as client:
            ids = {client.enqueue(text=run.text(THREADS)).id: run for run in runs}
            for run_id in ids:
                client.wait(run_id, timeout_seconds=240 + calls)
            differing = differences(client, record, ids, workers)
    print("\n".join([f"seed {chance}, {time.monotonic() - begun:.0f} s", *figures(record)]))
    assert differing == [], "\n".join(differing[:40])
    assert record.requests() >= 0.9 * calls


OPTIONS = ("--concurrency", str(THREADS))


def _streaming(wires: Sequence[str], on: str) -> dict[str, str]:
    """Whole answers for one worker, streams for the other."""
    return {f"BOTTICELLI_DRIVERS__{wire.upper()}__STREAM": on for wire in wires}


def figures(record: Storm) -> list[str]:
    """How often each kind came, and what became of it."""
    events = [event for events in record.events.values() for event in events]
    kinds = Counter(event.kind for event in events)
    outcomes = Counter(event.outcome for event in events)
    streams = sum(event.streams for event in events)
    counts = ", ".join(f"{kind.__name__} {kinds[kind.__name__]}" for kind in PERCENT)
    return [f"{len(events)} requests, {streams} for streams: {dict(outcomes)}", counts]
