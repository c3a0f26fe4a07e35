"""Sends one request to Discord: takes a route and arguments, returns JSON or raises an error with a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from botticelli.errors import PlatformError, PlatformGone, PlatformUnknown

GONE = {
    10003: "channel",
    10004: "guild",
    10006: "invite",
    10007: "member",
    10008: "message",
    10011: "role",
    10013: "user",
    10014: "emoji",
    10026: "ban",
    10070: "event",
}
"""Discord's codes for things that don't exist. Source: its documentation, "JSON error codes"."""
NO_ACCESS = (50001, 50013)
_DETAIL_CHARACTERS = 300
_DETAIL_DEPTH = 10
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """Holds one request. `route` is the path with placeholders, for rate limits; `major` the id with limits of its own."""

    method: str
    route: str
    path: str
    major: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    reason: str | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any = None


class Transport(Protocol):
    """Sends requests. Raises PlatformTransient if not sent or refused with a delay, PlatformUnknown if the answer was lost."""

    def send(self, request: Request) -> Reply: ...


class Api:
    """Calls routes of Discord over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def call(
        self,
        route: str,
        args: Mapping[str, Any],
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        reason: str | None = None,
        needs: tuple[str, ...] = (),
    ) -> Any:
        """Call `METHOD /path/{argument}` and return its JSON.

        `needs` are the permissions to name if Discord refuses. Raises PlatformError and its subclasses.
        """
        method, _, path = route.partition(" ")
        filled = _FIELD.sub(lambda name: quote(str(args[name[1]]), safe=""), path)
        match = _FIELD.search(path)
        major = str(args[match[1]]) if match else ""
        texts = {name: str(value) for name, value in (query or {}).items()}
        reply = self._transport.send(Request(method, path, filled, major, texts, body, reason))
        if reply.status < 300:
            return reply.body
        raise refusal(reply, needs, writes=method != "GET")


def refusal(reply: Reply, needs: tuple[str, ...], *, writes: bool) -> PlatformError:
    """Turn a refusal of Discord into an error with its code, its message and a remedy."""
    body = reply.body if isinstance(reply.body, dict) else {}
    code = body["code"] if isinstance(body.get("code"), int) else 0
    message = " ".join(str(body.get("message", "no reason given")).split())[:_DETAIL_CHARACTERS]
    what = f"Discord answered {reply.status}" + (f", code {code}" if code else "") + f": {message}"
    details = _details(body.get("errors"))
    if details:
        what += f" ({details[:_DETAIL_CHARACTERS]})"
    if reply.status == 401:
        return PlatformError(what, do="DISCORD_TOKEN is not a valid bot token: copy it anew from the bot's page")
    if reply.status == 403 or code in NO_ACCESS:
        requirement = f"it needs {', '.join(needs)}; " if needs else ""
        return PlatformError(what, do=f"{requirement}give the bot's role this permission and access to the channel")
    if reply.status == 404 and code in GONE:
        return PlatformGone(what, do=f"the {GONE[code]} does not exist (any more)", kind=GONE[code])
    if reply.status >= 500:
        return PlatformUnknown(what) if writes else PlatformError(what, do="Discord has a problem; try again later")
    return PlatformError(what)


def _details(errors: Any, path: str = "", depth: int = 0) -> str:
    """Flatten Discord's tree of errors, as in `name: Must be between 1 and 100 in length`."""
    if not isinstance(errors, dict) or depth > _DETAIL_DEPTH:
        return ""
    listed = errors.get("_errors")
    listed = listed if isinstance(listed, list) else []
    own = [f"{path}: {error.get('message', '')}" for error in listed if isinstance(error, dict)]
    inner = [
        _details(value, f"{path}.{key}" if path else str(key), depth + 1)
        for key, value in errors.items()
        if key != "_errors"
    ]
    return "; ".join(filter(None, (*own, *inner)))
