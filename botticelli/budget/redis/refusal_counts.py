"""Takes the counts of refusals that the scripts of the Budget keep in Redis, for the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botticelli.budget.interface import BLOCKED
from botticelli.budget.redis import scripts

if TYPE_CHECKING:
    from redis import Redis


def take_refusals(client: Redis, prefix: str) -> Mapping[tuple[str, str], int]:
    """Return the refusals by scope and window since they were last taken, by whatever process; each is returned once."""
    reply = client.eval(scripts.source(scripts.REFUSALS), 1, f"{{{prefix}}}:budget:refusals")
    words = [word.decode() if isinstance(word, bytes) else str(word) for word in reply]
    counts: dict[tuple[str, str], int] = {}
    for field, count in zip(words[::2], words[1::2], strict=True):
        scope, _, window = field.partition("\n")
        counts[scope, window or BLOCKED] = int(count)
    return counts
