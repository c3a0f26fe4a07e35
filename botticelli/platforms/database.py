"""Describes the commands of the platform `database`, which change rows of content tables.

The worker performs them in the transaction that records the effect, so each is performed exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from botticelli.errors import PlatformError, SettingsError
from botticelli.platforms.protocol import CommandOutput, CommandSpec, EffectIntent

DATABASE = "database"
"""Name of the platform of `update_table`."""
UPDATE_TABLE = "update_table"


class DatabasePlatform:
    is_rehearsal = False

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        if options:
            where = f"[platforms.{name}.options]"
            raise SettingsError("the database platform has no options", where=where, do="see [tables] of the settings")

    def commands(self) -> Mapping[str, CommandSpec]:
        return {UPDATE_TABLE: CommandSpec(UPDATE_TABLE, writes=True, repeat="idempotent")}

    def suggestion(self, command: str) -> str | None:
        return next(iter(get_close_matches(command[:64].lower(), [UPDATE_TABLE], 1)), None)

    def spec(self, command: str) -> CommandSpec | None:
        return self.commands().get(command)

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        raise PlatformError(f"{command} is performed by a worker, within its own transaction")
