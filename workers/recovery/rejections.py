"""Records a request to enqueue that can't be performed as a failed run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botticelli.carousel import EnqueueRequest, reject
from botticelli.errors import BotticelliError
from botticelli.messages import run_id_for
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import NAME_CHARACTERS
from botticelli.untrusted.storable import storable


def own_id_of(task_id: str) -> str:
    """Return the run id of a request that names none: the same for each delivery of its message."""
    return run_id_for(f"task {task_id}")


def refuse(runtime: Runtime, own_id: str, arguments: Mapping[str, Any], error: BotticelliError) -> None:
    """Record why a request was rejected, as a failed run.

    Its id is the one that the sender looks for: that of the request, else of its key, else `own_id`. An existing run
    stays unchanged. Raises the errors of an absent Postgres.
    """
    run_id, key = arguments.get("run_id"), arguments.get("idempotency_key")
    named = run_id if _is_name(run_id) else None
    if named is None:
        named = run_id_for(str(key)) if _is_name(key) else own_id
    reject(runtime, str(arguments.get("narrative") or "as text"), EnqueueRequest(run_id=named), error)


def _is_name(value: object) -> bool:
    """Whether a value can be a run's id or name."""
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARACTERS and storable(value) == value
