"""Runs processes that try to overspend a budget, and records what each was granted, in the server's time."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event

from redis import Redis

from botticelli.budget import Amounts, Draw, RedisBudget, Refusal, Scope, Share, nothing_charged

LEASE_SECONDS = 120.0


@dataclass(frozen=True)
class Grant:
    """One settled draw."""

    requests: int
    tokens: int
    drawn_at_ms: int
    settled_at_ms: int


@dataclass(frozen=True)
class Demand:
    """The load of each process.

    Until `seconds` are over, a process reserves up to `most_tokens`, draws them, uses a share between `least_used` and
    1, settles and releases.
    """

    socket: str
    scopes: tuple[Scope, ...]
    seconds: float
    most_tokens: int
    least_used: float = 1.0


def start(demand: Demand, processes: int, folder: Path, *, first: int = 0) -> list[BaseProcess]:
    """Start processes, numbered from `first`; each appends its grants to its own file in `folder`."""
    fork = multiprocessing.get_context("fork")
    started: list[BaseProcess] = []
    for number in range(first, first + processes):
        process = fork.Process(target=_spend, args=(demand, number, folder / f"{number}.jsonl"), daemon=True)
        process.start()
        started.append(process)
    return started


def grants(folder: Path) -> list[Grant]:
    """Read the recorded grants; a line that a killed process did not finish is left out."""
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [Grant(**json.loads(line)) for line in lines if line.endswith("}")]


def _spend(demand: Demand, number: int, record: Path) -> None:
    choose = random.Random(number)
    end = time.monotonic() + demand.seconds
    with Redis(unix_socket_path=demand.socket) as client, record.open("a", buffering=1) as lines:
        budget = RedisBudget(client, reseed=nothing_charged)
        turn = 0
        while time.monotonic() < end:
            turn += 1
            requested = Amounts(1, choose.randint(1, demand.most_tokens))
            used = Amounts(1, round(requested.tokens * choose.uniform(demand.least_used, 1)))
            ticket_id = f"{number}-{turn}"
            if _reserve(budget, ticket_id, [Share(scope, requested) for scope in demand.scopes], end):
                grant = _call(budget, ticket_id, demand.scopes, requested, used)
                lines.write(json.dumps(asdict(grant)) + "\n")


def _reserve(budget: RedisBudget, ticket_id: str, shares: Sequence[Share], end: float) -> bool:
    """Retry the reservation after the waits of its refusals; False when time is up first."""
    while isinstance(refusal := budget.reserve(ticket_id, shares, LEASE_SECONDS), Refusal):
        if time.monotonic() >= end or refusal.retry_after_ms is None:
            return False
        Event().wait(refusal.retry_after_ms / 1000)
    return True


def _call(budget: RedisBudget, ticket_id: str, scopes: Sequence[Scope], requested: Amounts, used: Amounts) -> Grant:
    """Draw, settle and release a ticket; return the grant of the first scope. Its draws must not be refused."""
    draws = [budget.draw(ticket_id, "call", scope, requested) for scope in scopes]
    settled = [budget.settle(ticket_id, "call", scope, used) for scope in scopes]
    budget.release(ticket_id, scopes)
    if not isinstance(draws[0], Draw):
        raise AssertionError(f"{ticket_id} held {requested} and was refused: {draws[0]}")
    return Grant(used.requests, used.tokens, draws[0].drawn_at_ms, settled[0].settled_at_ms)
