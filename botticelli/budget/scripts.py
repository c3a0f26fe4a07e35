"""The Lua scripts as the server gets them: the libraries in front of each script. redis-py loads and reloads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

LIBRARIES = (
    "lib_sliding",
    "lib_spans",
    "lib_bucket",
    "lib_windows",
    "lib_queue",
    "lib_holds",
    "lib_grants",
    "lib_scopes",
)
GATE = "lib_gate"
SEED = "seed"
"""The only script that passes without the gate: it is what the gate asks for."""
SCRIPTS = ("reserve", "draw", "settle", "release", "renew", "charge", "block", "usage", SEED)


@cache
def source(name: str) -> str:
    """The full text of one script of `SCRIPTS`."""
    parts = (*LIBRARIES, name) if name == SEED else (*LIBRARIES, GATE, name)
    folder = files("botticelli.budget") / "lua"
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts)


def registered(client: Redis) -> dict[str, Script]:
    """All scripts, called by EVALSHA, and sent again when the server has forgotten them (NOSCRIPT)."""
    return {name: client.register_script(source(name)) for name in SCRIPTS}
