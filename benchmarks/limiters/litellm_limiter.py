"""Calls LiteLLM's rate limiting scripts directly, read from the installed package without importing it.

LiteLLM's proxy isn't measured, since it answers from its own memory first. Needs `pip install --no-deps litellm`.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from redis import Redis

MODULE = "proxy/hooks/parallel_request_limiter_v3.py"

Take = Callable[[], bool]
"""Takes one request of every window in one call; returns whether it was granted."""


def counting(client: Redis, limit: int, period_seconds: int, windows: int) -> Take:
    """Count requests as LiteLLM's proxy does: all windows are incremented, and the caller compares them with the limit."""
    script, keys = client.register_script(source("BATCH_RATE_LIMITER_SCRIPT")), keys_of(windows)

    def take() -> bool:
        answer = script(keys, [int(time.time()), period_seconds])
        return all(int(counter) <= limit for counter in answer[1::2])

    return take


def reserving(client: Redis, limit: int, period_seconds: int, windows: int) -> Take:
    """Reserve tokens as LiteLLM's proxy does: all windows or none, by the server's clock, in whole seconds."""
    take = reserving_many(client, limit, period_seconds, windows)
    return lambda: take(1)


def reserving_many(client: Redis, limit: int, period_seconds: int, windows: int) -> Callable[[int], bool]:
    """Reserve any amount at once, which the script that counts can't do."""
    script, keys = client.register_script(source("CHECK_AND_INCREMENT_BY_N_SCRIPT")), keys_of(windows)
    return lambda amount: bool(script(keys, [limit, amount, period_seconds, period_seconds] * windows)[0] == 0)


def keys_of(windows: int) -> list[str]:
    return [f"{{api_key:rival{n}}}:{kind}" for n in range(windows) for kind in ("window", "requests")]


def source(constant: str) -> str:
    """Read a script. Raises ModuleNotFoundError when litellm isn't installed or its version lacks the script."""
    package = find_spec("litellm")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("litellm")
    path = Path(package.submodule_search_locations[0]) / MODULE
    if not path.is_file():
        raise ModuleNotFoundError(str(path))
    for node in ast.parse(path.read_text("utf-8")).body:
        names = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(name, ast.Name) and name.id == constant for name in names):
            return str(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    raise ModuleNotFoundError(f"{path}: {constant}")
