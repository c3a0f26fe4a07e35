"""Rehearses bot commands offline.

Under the name discord it has Discord's commands, checks and answers; under other names it accepts every `noun.verb`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from botticelli.errors import PlatformError, SettingsError
from botticelli.platforms.discord.fake.persistent import PersistentFake
from botticelli.platforms.discord.platform import DiscordPlatform
from botticelli.platforms.protocol import CommandOutput, CommandSpec, EffectIntent, Platform, PlatformContext

READING_VERBS = frozenset({"get", "list", "get_stats", "list_posts", "get_post"})
CREATED_KINDS = {"channels": "channel", "messages": "message", "roles": "role", "threads": "thread", "events": "event"}
CREATING_VERBS = ("create", "get_or_create", "send")
DEFAULT_GUILD = "1"


def EchoPlatform(name: str, options: Mapping[str, Any]) -> Platform:
    """Make the rehearsing platform of that name."""
    return RehearsedDiscord(name, options) if name == "discord" else AnyPlatform(name, options)


class RehearsedDiscord(DiscordPlatform):
    """Answers Discord's commands from a file in the data directory; every channel, message or user that is named exists."""

    is_rehearsal = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options, PersistentFake(None))

    def configure(self, place: PlatformContext) -> None:
        super().configure(place)
        self._transport = PersistentFake(place.home)

    def default_guild(self) -> str | None:
        return super().default_guild() or DEFAULT_GUILD


class AnyPlatform:
    """Accepts every `noun.verb`; verbs such as get and list don't write. Equal arguments give equal ids."""

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
        captures = CREATED_KINDS.get(noun) if verb in CREATING_VERBS else None
        return CommandSpec(command, verb not in READING_VERBS, "idempotent", captures)

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        spec = self.spec(command)
        if spec is None:
            raise PlatformError(f"{self.name} has no command {command!r}", do="write noun.verb, such as messages.send")
        captured = spec.captures
        data: dict[str, Any] = dict(args)
        if captured:
            identity = key if captured == "message" else f"{args.get('guild_id')}:{captured}:{args.get('name')}"
            data["id"] = _snowflake(identity)
        ids = {f"{captured}_id": data["id"]} if captured else {}
        return CommandOutput(True, f"rehearsed {command}; nothing outside was changed", ids, data)


def _snowflake(identity: str) -> str:
    """Return eighteen digits that only depend on `identity`."""
    number = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8])
    return str(10**17 + number % (9 * 10**17))
