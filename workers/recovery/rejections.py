"""How a request to enqueue that can't be performed is answered: by a failed run. Judges no request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botticelli.carousel import EnqueueOptions, reject
from botticelli.errors import BotticelliError
from botticelli.messages import run_id_for
from botticelli.runtime.process import Runtime
from botticelli.security.request_checks import NAME_CHARACTERS
from botticelli.untrusted.storable import storable


def own_id_of(task_id: str) -> str:
    """The run of a request that names none: the same for each delivery of its message."""
    return run_id_for(f"task {task_id}")


def refuse(runtime: Runtime, own_id: str, arguments: Mapping[str, Any], error: BotticelliError) -> None:
    """Record why a request was refused.

    Say why under the id that whoever asked looks for: that of the request, else of its key, else `own_id`. A run that
    is there already stays as it is. Raises what an absent Postgres raises.
    """
    run_id, key = arguments.get("run_id"), arguments.get("idempotency_key")
    named = run_id if _is_name(run_id) else None
    if named is None:
        named = run_id_for(str(key)) if _is_name(key) else own_id
    reject(runtime, str(arguments.get("narrative") or "as text"), EnqueueOptions(run_id=named), error)


def _is_name(said: object) -> bool:
    """Whether a run can have it for its id, or be named by it."""
    return isinstance(said, str) and 0 < len(said) <= NAME_CHARACTERS and storable(said) == said
