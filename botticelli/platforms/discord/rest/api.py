"""Calls the routes of Discord for one command: fills in arguments, shapes answers, turns refusals into errors.

Knows no command and no network: a transport sends the requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from botticelli.errors import PlatformError, PlatformGone, PlatformUnknown
from botticelli.platforms.discord.catalogue.catalogue import Entry, catalogue
from botticelli.platforms.protocol import EffectIntent

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
EPOCH_MS = 1_420_070_400_000
"""Start of Discord's ids, the first second of 2015. Source: its documentation, "Snowflakes"."""
SKEW_SECONDS = 10
"""Largest lag of Discord's clock behind the one that stamped an intent."""
REASON_CHARACTERS = 512
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
    """Holds the answer to a request; `body` is JSON, None without content."""

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


@dataclass(frozen=True, slots=True)
class Job:
    """Holds one command in progress, and calls routes for it.

    `allow_mentions` are the mentions that the settings let a narrative allow.
    """

    api: Api
    entry: Entry
    args: Mapping[str, Any]
    key: str = ""
    announced: EffectIntent | None = None
    allow_mentions: tuple[str, ...] = ()

    @property
    def repeated(self) -> bool:
        return self.announced is not None and self.announced.repeated

    @property
    def marker(self) -> str:
        """A text for the audit log that identifies the effect of this command."""
        effect = self.announced
        assert effect is not None, "only commands that write are marked"
        return f"botticelli run={effect.run_id} act={effect.act[:80]} effect={effect.key}"

    @property
    def reason(self) -> str | None:
        """Return the audit-log reason: the narrative's reason and the marker of the effect."""
        if self.announced is None:
            return self.args.get("reason")
        marker = self.marker
        own = str(self.args.get("reason") or "")[: REASON_CHARACTERS - len(marker) - 3]
        return f"{own} ({marker})" if own else marker

    def call(self, route: str, *, body: Any = None, query: Mapping[str, Any] | None = None, **more: Any) -> Any:
        reason = self.reason if not route.startswith("GET ") else None
        args = {**self.args, **more}
        return self.api.call(route, args, body=body, query=query, reason=reason, needs=self.entry.spec.needs)

    def given(self, *names: str) -> dict[str, Any]:
        """Return the given arguments among these names."""
        return {name: self.args[name] for name in names if name in self.args}

    def is_fresh(self, identity: str) -> bool:
        """Return whether an object of this id may have been created by this effect."""
        assert self.announced is not None
        since = self.announced.intended_at - timedelta(seconds=SKEW_SECONDS)
        return made_at(identity) >= since and identity not in self.announced.taken


def made_at(identity: str) -> datetime:
    return datetime.fromtimestamp(((int(identity) >> 22) + EPOCH_MS) / 1000, UTC)


def snowflake_at(moment: datetime) -> str:
    """Return the smallest id of that time."""
    return str(max(0, round(moment.timestamp() * 1000) - EPOCH_MS) << 22)


def shaped(shape: str, value: Any) -> dict[str, Any]:
    """Return Discord's object with the field names of the catalogue; missing fields are null."""
    fields = catalogue().shapes[shape]
    return {name: _at(value, path.split(".")) for name, path in fields.items()}


def all_shaped(shape: str, values: Any) -> list[dict[str, Any]]:
    return [shaped(shape, value) for value in values or ()]


def answered(template: Mapping[str, Any], args: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Fill in an answer: `@name` is an argument, `=name` a field of Discord's object, `{name}` such a field in a text."""

    def fill(written: Any) -> Any:
        if not isinstance(written, str):
            return written
        if written.startswith("@"):
            return args.get(written[1:])
        if written.startswith("="):
            return _at(value, [written[1:]])
        return written.format_map(value)

    return {name: fill(written) for name, written in template.items()}


def _at(value: Any, path: list[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def required(condition: bool, what: str, do: str) -> None:
    """Raise PlatformError unless the condition holds."""
    if not condition:
        raise PlatformError(what, do=do)


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
