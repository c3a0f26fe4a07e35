"""The checked narrative of a run, read from its row once per process: a snapshot never changes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from botticelli.narrative.model import Narrative
from botticelli.store import Transaction

KEPT = 256


class _Snapshots:
    """The last few hundred, by run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Narrative, dict[str, str]]] = OrderedDict()

    def read(self, tx: Transaction, run_id: str) -> tuple[Narrative, dict[str, str]]:
        with self._lock:
            found = self._kept.get(run_id)
            if found is not None:
                self._kept.move_to_end(run_id)
                return found
        snapshot, variables = tx.runs.snapshot(run_id)
        found = Narrative.model_validate(snapshot), variables
        with self._lock:
            self._kept[run_id] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


_snapshots = _Snapshots()


def narrative_of(tx: Transaction, run_id: str) -> Narrative:
    return _snapshots.read(tx, run_id)[0]


def variables_of(tx: Transaction, run_id: str) -> dict[str, str]:
    """What was given at enqueue, over the narrative's defaults."""
    narrative, given = _snapshots.read(tx, run_id)
    return narrative.variables | given
