"""The checked narrative of a run, read from its row once per process: a snapshot never changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from botticelli.carousel.plan.estimates import Estimates, from_json
from botticelli.carousel.plan.planned_calls import Plan, plan_iteration
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime
from botticelli.settings.demands import Demands, read_stored
from botticelli.store import Transaction

KEPT = 256


@dataclass(frozen=True, slots=True)
class _Kept:
    narrative: Narrative
    variables: dict[str, str]
    estimates: Estimates
    demands: tuple[Demands, ...]


class _Snapshots:
    """The last few hundred, by run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def read(self, tx: Transaction, run_id: str) -> _Kept:
        with self._lock:
            result = self._kept.get(run_id)
            if result is not None:
                self._kept.move_to_end(run_id)
                return result
        row = tx.runs.snapshot(run_id)
        result = _Kept(
            Narrative.model_validate(row.narrative), row.variables, from_json(row.estimates), read_stored(row.demands)
        )
        with self._lock:
            self._kept[run_id] = result
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return result


_snapshots = _Snapshots()


def narrative_of(tx: Transaction, run_id: str) -> Narrative:
    return _snapshots.read(tx, run_id).narrative


def estimates_of(tx: Transaction, run_id: str) -> Estimates:
    """As they were decided at enqueue: whoever plans an iteration of this run plans the same."""
    return _snapshots.read(tx, run_id).estimates


def plan_of(runtime: Runtime, tx: Transaction, run_id: str) -> Plan:
    """What an iteration of this run asks, planned once in a process: neither its snapshot nor the settings change."""
    plan: Plan | None = runtime.plans.get(run_id)
    if plan is None:
        while len(runtime.plans) >= KEPT:
            runtime.plans.pop(next(iter(runtime.plans)), None)
        result = _snapshots.read(tx, run_id)
        plan = plan_iteration(runtime, result.narrative, result.estimates, result.demands)
        runtime.plans[run_id] = plan
    return plan


def demands_of_run(tx: Transaction, run_id: str) -> tuple[Demands, ...]:
    """Return the demands of the settings that the run was enqueued with."""
    return _snapshots.read(tx, run_id).demands


def given_variables_of(tx: Transaction, run_id: str) -> dict[str, str]:
    """What was given at enqueue; it wins over every default, also over those of narratives that are performed within."""
    return _snapshots.read(tx, run_id).variables


def variables_of(tx: Transaction, run_id: str) -> dict[str, str]:
    """What was given at enqueue, over the narrative's defaults."""
    result = _snapshots.read(tx, run_id)
    return result.narrative.variables | result.variables
