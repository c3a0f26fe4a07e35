"""Reads the checked narrative of a run from its row, once per process, since a snapshot never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from cachetools import LRUCache

from botticelli.carousel.plan.estimates import Estimates, from_json
from botticelli.carousel.plan.plan_parts import PlanRows
from botticelli.narrative.model import Narrative
from botticelli.settings.demands import Demands, demands_from_rows

CACHE_SIZE = 256


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A checked narrative with the variables, estimates and demands of its run."""

    narrative: Narrative
    variables: dict[str, str]
    estimates: Mapping[str, Any]
    """As they are stored: who has the run's plan already doesn't need them."""
    demands: tuple[Demands, ...]


_snapshots: LRUCache[str, RunSnapshot] = LRUCache(CACHE_SIZE)
_lock = Lock()


def snapshot_of(tx: PlanRows, run_id: str) -> RunSnapshot:
    """Return what was stored with the run at enqueue, with the narrative as it was checked."""
    with _lock:
        snapshot = _snapshots.get(run_id)
    if snapshot is None:
        row = tx.runs.snapshot(run_id)
        snapshot = RunSnapshot(
            Narrative.model_validate(row.narrative),
            row.variables,
            row.estimates,
            _demands(json.dumps(row.demands)),
        )
        with _lock:
            _snapshots[run_id] = snapshot
    return snapshot


@lru_cache(CACHE_SIZE)
def _demands(stored: str) -> tuple[Demands, ...]:
    """Parse the demands of a run, once for all runs that were enqueued with the same settings."""
    return demands_from_rows(json.loads(stored))


def narrative_of(tx: PlanRows, run_id: str) -> Narrative:
    return snapshot_of(tx, run_id).narrative


def estimates_of(tx: PlanRows, run_id: str) -> Estimates:
    """Return the estimates of a run as decided at enqueue, so that every plan of its iterations is the same."""
    return from_json(snapshot_of(tx, run_id).estimates)


def demands_of_run(tx: PlanRows, run_id: str) -> tuple[Demands, ...]:
    """Return the demands of the settings that the run was enqueued with."""
    return snapshot_of(tx, run_id).demands


def given_variables_of(tx: PlanRows, run_id: str) -> dict[str, str]:
    """Return the variables given at enqueue. They override all defaults, those of embedded narratives included."""
    return snapshot_of(tx, run_id).variables


def variables_of(tx: PlanRows, run_id: str) -> dict[str, str]:
    """Return the variables of a run: those given at enqueue over the narrative's defaults."""
    snapshot = snapshot_of(tx, run_id)
    return snapshot.narrative.variables | snapshot.variables
