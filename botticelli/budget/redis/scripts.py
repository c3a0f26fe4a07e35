"""The Lua scripts as the server gets them: the libraries in front of each script. redis-py loads and reloads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

CALL = "lib_call"
"""In front of everything else: what came with a call."""
SHORT_WAYS = {"reserve": "lib_quick"}
"""Come before the libraries and may answer without them: making their functions is a good part of a call's time."""
LIBRARIES = (
    "lib_ring",
    "lib_sliding",
    "lib_spans",
    "lib_bucket",
    "lib_windows",
    "lib_queue",
    "lib_holds",
    "lib_grants",
    "lib_head",
    "lib_scopes",
)
GATE = "lib_gate"
SEED = "seed"
SERVER = "server"
"""These two pass without the gate: they are what the gate asks for. `server` needs nothing else either."""
SCRIPTS = ("reserve", "draw", "settle", "release", "renew", "charge", "block", "widen", "warm", "usage", SEED, SERVER)
FILES = (CALL, *SHORT_WAYS.values(), *LIBRARIES, GATE, *SCRIPTS)


@cache
def source(name: str) -> str:
    """The full text of one script of `SCRIPTS`."""
    short_way = [SHORT_WAYS[name]] if name in SHORT_WAYS else []
    gate = [] if name == SEED else [GATE]
    folder = files("botticelli.budget.redis") / "lua"
    parts = [name] if name == SERVER else [CALL, *short_way, *LIBRARIES, *gate, name]
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts)


def registered(client: Redis) -> dict[str, Script]:
    """All scripts, called by EVALSHA, and sent again when the server has forgotten them (NOSCRIPT)."""
    return {name: client.register_script(source(name)) for name in SCRIPTS}
