"""Routes requests to the fake Discord and answers as Discord does. Keeps no file, opens no socket."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

from botticelli.platforms.discord.fake import guilds, stored_messages, threads
from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, Refused
from botticelli.platforms.discord.fake.request import Request
from botticelli.platforms.discord.rest.api import Reply

__all__ = ["BOT_ID", "World"]
Action = Callable[[Data, Request], tuple[int, Any]]


def _compiled(routes: Mapping[str, Action]) -> list[tuple[str, re.Pattern[str], Action]]:
    compiled = []
    for route, action in routes.items():
        method, _, path = route.partition(" ")
        compiled.append((method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), action))
    return compiled


ROUTES = _compiled(guilds.ROUTES | stored_messages.ROUTES | threads.ROUTES)


@dataclass
class World:
    """Answers requests, one at a time."""

    data: Data = field(default_factory=Data)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        reason: str | None = None,
    ) -> Reply:
        """Answer a request; `path` has no query and is still percent-encoded."""
        for listed_method, pattern, action in ROUTES:
            match = pattern.fullmatch(path) if listed_method == method else None
            if match is not None:
                ids = {name: unquote(value) for name, value in match.groupdict().items()}
                with self._lock:
                    try:
                        return Reply(*action(self.data, Request(ids, dict(query or {}), body or {}, reason)))
                    except Refused as refused:
                        return Reply(refused.status, refused.body)
        return Reply(404, {"message": "404: Not Found", "code": 0})

    def to_json(self) -> dict[str, Any]:
        return asdict(self.data)
