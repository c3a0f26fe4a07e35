"""Which tasks of iterations still lie in the queue, and which are lost. Looks only; publishes nothing.

A message that a worker has just taken is in no list until its iteration is claimed, so what is missing is looked for twice.
"""

from __future__ import annotations

import threading
from collections.abc import Set

from botticelli.messages import QUEUE
from botticelli.runtime.process import Runtime
from workers.transport.queue_messages import read_entry

Key = tuple[str, int]
LOOK_AT = 2000
"""The oldest messages of the queue, which are taken next; what was published long ago is among them or nowhere."""
CLAIM_SECONDS = 0.2
"""More than a worker takes from the queue to the claim."""


def lost_tasks(runtime: Runtime, keys: Set[Key]) -> set[Key]:
    """Those of `keys` (run and number) that are not in the queue. Redis's errors are raised."""
    missing = _missing(runtime, keys)
    if missing:
        threading.Event().wait(CLAIM_SECONDS)
        missing = _missing(runtime, missing)
    return missing


def _missing(runtime: Runtime, keys: Set[Key]) -> set[Key]:
    name = f"{runtime.settings.redis.prefix}:{QUEUE}"
    found = runtime.redis.lrange(name, -LOOK_AT, -1)
    if len(found) == LOOK_AT and runtime.redis.llen(name) > LOOK_AT:
        return set()
    return set(keys) - {key for one in found if (key := _key_of(one)) is not None}


def _key_of(message: bytes | str) -> Key | None:
    """None for other tasks, and for what nobody of us has sent."""
    entry = read_entry(message)
    try:
        run_id, number, _ = str(entry["headers"]["id"]).rsplit(".", 2) if entry else ("", "", "")
        return run_id, int(number)
    except (ValueError, KeyError, TypeError):
        return None
