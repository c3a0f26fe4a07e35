"""The platform without a world outside: rehearses bot commands offline, in a little world of its own.

What is called discord has Discord's commands, checks and answers; anything else takes every `noun.verb`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from botticelli.errors import PlatformError, SettingsError
from botticelli.platforms.discord.fake.persistent import KeptWorld
from botticelli.platforms.discord.platform import DiscordPlatform
from botticelli.platforms.protocol import CommandOutput, CommandSpec, EffectIntent, Place, Platform

READING = frozenset({"get", "list", "get_stats", "list_posts", "get_post"})
MADE = {"channels": "channel", "messages": "message", "roles": "role", "threads": "thread", "events": "event"}
MAKING = ("create", "get_or_create", "send")
DEFAULT_GUILD = "1"


def EchoPlatform(name: str, options: Mapping[str, Any]) -> Platform:
    """The rehearsing platform of that name."""
    return RehearsedDiscord(name, options) if name == "discord" else AnyPlatform(name, options)


class RehearsedDiscord(DiscordPlatform):
    """Discord's commands in a file of the data directory. Whatever channel, message or user is named is there."""

    is_rehearsal = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options, KeptWorld(None))

    def settle_in(self, place: Place) -> None:
        super().settle_in(place)
        self._transport = KeptWorld(place.home)

    def default_guild(self) -> str | None:
        return super().default_guild() or DEFAULT_GUILD


class AnyPlatform:
    """Takes every `noun.verb`; a verb that reads (get, list, ...) has no effect. The same arguments bring the same ids."""

    is_rehearsal = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        if options:
            raise SettingsError(
                "the echo platform has no options", where=f"[platforms.{name}.options]", do="remove them"
            )

    def spec(self, command: str) -> CommandSpec | None:
        noun, dot, verb = command.partition(".")
        if not (noun.isidentifier() and dot and verb.isidentifier()):
            return None
        captures = MADE.get(noun) if verb in MAKING else None
        return CommandSpec(command, verb not in READING, "idempotent", captures)

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        spec = self.spec(command)
        if spec is None:
            raise PlatformError(f"{self.name} has no command {command!r}", do="commands are written noun.verb")
        captured = spec.captures
        data: dict[str, Any] = dict(args)
        if captured:
            identity = key if captured == "message" else f"{args.get('guild_id')}:{captured}:{args.get('name')}"
            data["id"] = _snowflake(identity)
        ids = {f"{captured}_id": data["id"]} if captured else {}
        return CommandOutput(True, f"rehearsed {command}; nothing outside was changed", ids, data)


def _snowflake(identity: str) -> str:
    """Eighteen digits, the same for the same identity."""
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8])
    return str(10**17 + number % (9 * 10**17))
