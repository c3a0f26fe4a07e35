"""Builds the Lua scripts: libraries, then the script itself. redis-py loads and reloads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.commands.core import Script

CALL = "lib_call"
"""First in every script: the arguments of the call, and the time."""
SHORT_WAYS = {"reserve": "lib_quick"}
"""Stand before the libraries and may return without them: defining their functions takes a good part of a call."""
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
"""Scripts that run without the gate, since the gate itself calls for them. `server` needs no library either."""
REFUSALS = "refusals"
"""Sent by the exporter of metrics alone: no library, and not registered."""
SCRIPTS = ("reserve", "draw", "settle", "release", "renew", "charge", "block", "widen", "warm", "usage", SEED, SERVER)
FILES = (CALL, *SHORT_WAYS.values(), *LIBRARIES, GATE, *SCRIPTS, REFUSALS)


@cache
def source(name: str) -> str:
    """Return the full text of one script of `SCRIPTS`."""
    short_way = [SHORT_WAYS[name]] if name in SHORT_WAYS else []
    gate = [] if name == SEED else [GATE]
    folder = files("botticelli.budget.redis") / "lua"
    parts = [name] if name in (SERVER, REFUSALS) else [CALL, *short_way, *LIBRARIES, *gate, name]
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts)


def registered(client: Redis) -> dict[str, Script]:
    """Register all scripts with the client. They are called by EVALSHA, and sent again after NOSCRIPT."""
    return {name: client.register_script(source(name)) for name in SCRIPTS}
