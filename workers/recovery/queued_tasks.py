"""Finds out which iteration tasks are still in the queue, and which are lost.

A message that a worker has just taken is in no list until its iteration is claimed, so missing ones are checked twice.
"""

from __future__ import annotations

import threading
from collections.abc import Set

from redis.exceptions import RedisError

from botticelli.messages import QUEUE
from botticelli.runtime.process import Runtime
from workers.transport.queue_messages import read_entry

Key = tuple[str, int]
MESSAGES_READ = 2000
"""Longest queue that is read. In a longer one, lost tasks can't be told from waiting ones."""
CLAIM_SECONDS = 0.2
"""Longer than a worker takes from the queue to the claim."""


def lost_tasks(runtime: Runtime, keys: Set[Key]) -> set[Key]:
    """Return those of `keys` (run and number) whose task is not in the queue. Raises Redis's errors."""
    missing = _missing(runtime, keys)
    if missing:
        threading.Event().wait(CLAIM_SECONDS)
        missing = _missing(runtime, missing)
    return missing


def is_queue_empty(runtime: Runtime) -> bool:
    """Return whether no task waits in the queue. False when Redis is away."""
    try:
        return not runtime.redis.llen(_name(runtime))
    except RedisError:
        return False


def _name(runtime: Runtime) -> str:
    return f"{runtime.settings.redis.prefix}:{QUEUE}"


def _missing(runtime: Runtime, keys: Set[Key]) -> set[Key]:
    name = _name(runtime)
    if runtime.redis.llen(name) > MESSAGES_READ:
        return set()
    messages = runtime.redis.lrange(name, -MESSAGES_READ, -1)
    return set(keys) - {key for message in messages if (key := _key_of(message)) is not None}


def _key_of(message: bytes | str) -> Key | None:
    """Return the key of an iteration's task; None for other tasks, and for messages that Botticelli didn't send."""
    entry = read_entry(message)
    try:
        run_id, number, _ = str(entry["headers"]["id"]).rsplit(".", 2) if entry else ("", "", "")
        return run_id, int(number)
    except (ValueError, KeyError, TypeError):
        return None
