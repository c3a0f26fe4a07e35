"""Holds a request to the fake Discord, with checks that many routes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, invalid

KEPT_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Request:
    ids: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    reason: str | None

    def __getattr__(self, name: str) -> str:
        try:
            return self.ids[name]
        except KeyError:
            raise AttributeError(name) from None

    def limit(self, default: int, most: int = 100) -> int:
        text = self.query.get("limit", str(default))
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise invalid("limit", f"int value should be between 1 and {most}.")
        return int(text)

    def text(self, name: str, most: int, *, required: bool = True) -> str | None:
        value = self.body.get(name)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise invalid(name, f"Must be between 1 and {most} in length.")
        return value

    def only(self, *names: str) -> dict[str, Any]:
        return {name: self.body[name] for name in names if name in self.body}

    def note(self, data: Data, guild_id: str, action: int, target: str) -> None:
        """Add an entry to the guild's audit log."""
        entry = {"id": data.new_id(), "action_type": action, "target_id": target, "user_id": BOT_ID}
        reason = {"reason": self.reason} if self.reason else {}
        audit = data.guild(guild_id)["audit"]
        audit.insert(0, entry | reason)
        del audit[KEPT_ENTRIES:]
