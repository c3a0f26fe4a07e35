"""Holds the context of one command, and helpers that commands share. Knows no command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.errors import PlatformError
from botticelli.platforms.discord.catalogue.catalogue import Entry, catalogue
from botticelli.platforms.discord.rest.api import Api
from botticelli.platforms.protocol import EffectIntent

EPOCH_MS = 1_420_070_400_000
"""Start of Discord's ids, the first second of 2015. Source: its documentation, "Snowflakes"."""
SKEW_SECONDS = 10
"""Largest lag of Discord's clock behind the one that stamped an intent."""
REASON_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Job:
    """Holds one command in progress. `allow_mentions` are the mentions that the settings let a narrative allow."""

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
    def reason(self) -> str | None:
        """Return the audit-log reason: the narrative's reason and the marker of the effect."""
        if self.announced is None:
            return self.args.get("reason")
        marker = self.announced.marker
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
