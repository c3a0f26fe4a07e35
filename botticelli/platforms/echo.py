"""The platform without a world outside: rehearses bot commands offline and answers with ids that are always the same.

A channel of one name in one guild has one id, so a narrative that creates and reuses channels runs as it would outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from botticelli.errors import SettingsError
from botticelli.platforms.protocol import CommandOutput, CommandSpec

READING = frozenset({"get", "list", "get_stats", "list_posts", "get_post"})
CAPTURED = {
    "channels.create": "channel",
    "channels.get_or_create": "channel",
    "messages.send": "message",
    "roles.create": "role",
    "threads.create": "thread",
    "forum.create_post": "thread",
    "events.create": "event",
}


class EchoPlatform:
    """Takes every `noun.verb`; a verb that reads (get, list, ...) has no effect."""

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
        return CommandSpec(command, verb not in READING, "idempotent", CAPTURED.get(command))

    def execute(self, command: str, args: Mapping[str, Any], key: str) -> CommandOutput:
        captured = CAPTURED.get(command)
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
