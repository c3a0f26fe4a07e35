"""Asks a real Prometheus what the scaler asks, while a provider has shut the budget: 0, then the number within 5 seconds.

A part of `make metrics-check`. A worker gets a 429 with a Retry-After of SHUT seconds, and is stopped, as a scaler would.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import NamedTuple

SHUT_SECONDS = float(os.environ.get("SHUT") or 60)
BAR_SECONDS = 5.0
WAIT_SECONDS = 60.0
CONCURRENCY = 4
SETTINGS = f"""
[drivers.echo]
errors = ["429:{SHUT_SECONDS:g}"]
"""
NARRATIVE = f"""
[narrative]
name = "shut"
[narrative.carousel]
iterations = 8
concurrency = {CONCURRENCY}
on_budget_exhausted = "wait"
estimated_tokens_per_iteration = 100
[acts]
write = "Write a line about number {{iteration}}."
"""
Query = Callable[[str], float | None]
"""Answers an expression with the value of its first series; None without any."""


class Opening(NamedTuple):
    """Holds what the scaler's query gave: its answers while the budget was shut, then how late it had its number again."""

    shut_answers: int
    late_seconds: float
    admissible: float


def write_files(place: Path) -> None:
    (place / "botticelli.toml").write_text(SETTINGS, encoding="utf-8")
    (place / "demo.toml").write_text(NARRATIVE, encoding="utf-8")


def watch_budget_open(
    query: Query, scaler: str, stop_worker: Callable[[], None], shut_for_seconds: Callable[[], float]
) -> Opening:
    """Follow the scaler's query from the closing of the budget to its opening. Exits with what is not as promised."""
    pause = Event()
    _wait(lambda: query("max(botticelli_budget_closed)") == 1, "the budget to be shut")
    _wait(lambda: query(scaler) == 0, "the scaler's query to give 0", time.monotonic() + BAR_SECONDS)
    stop_worker()
    opens_at, answers = shut_for_seconds() + time.monotonic(), 0
    while time.monotonic() < opens_at:
        if (given := query(scaler)) != 0:
            raise SystemExit(
                f"the scaler's query gave {given} {opens_at - time.monotonic():.1f} s before the budget opens"
            )
        answers += 1
        pause.wait(0.5)
    _wait(lambda: query(scaler), "the scaler's query to give the number", opens_at + BAR_SECONDS)
    return Opening(answers, time.monotonic() - opens_at, query(scaler) or 0.0)


def _wait(ready: Callable[[], object], what: str, deadline: float | None = None) -> None:
    deadline, pause = deadline or time.monotonic() + WAIT_SECONDS, Event()
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        pause.wait(0.1)
