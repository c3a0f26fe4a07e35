"""Holds the data of the fake Discord as one JSON document, and its refusals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from botticelli.platforms.discord.rest.api import EPOCH_MS

BOT_ID = "900000000000000001"
KEPT_MESSAGES = 500
"""How many messages of a channel are stored; older ones are dropped."""
VOICE_TYPES = (2, 13)
UNKNOWN_CODES = {
    "channel": 10003,
    "guild": 10004,
    "member": 10007,
    "message": 10008,
    "role": 10011,
    "user": 10013,
    "ban": 10026,
    "event": 10070,
}


class Refused(Exception):
    """Signals an error answer of Discord."""

    def __init__(self, status: int, code: int, message: str, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code} | ({"errors": errors} if errors else {})


def unknown(kind: str) -> Refused:
    return Refused(404, UNKNOWN_CODES[kind], f"Unknown {'Guild Scheduled Event' if kind == 'event' else kind.title()}")


def invalid(name: str, message: str) -> Refused:
    errors = {name: {"_errors": [{"code": "BASE_TYPE_BAD", "message": message}]}}
    return Refused(400, 50035, "Invalid Form Body", errors)


@dataclass
class Data:
    """Holds all data. `lenient` creates guilds, channels, messages, roles and users on first mention, for rehearsals."""

    lenient: bool = False
    guilds: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Messages by channel id, then by message id."""
    users: dict[str, Any] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    """Deleted ids, which a lenient fake doesn't create again."""
    sequence: int = 0

    def new_id(self, at_ms: float | None = None) -> str:
        self.sequence = (self.sequence + 1) % 4096
        now_ms = round(time.time() * 1000 if at_ms is None else at_ms)
        return str((now_ms - EPOCH_MS) << 22 | self.sequence)

    def user(self, identity: str) -> dict[str, Any]:
        if identity not in self.users:
            if not self.lenient and identity != BOT_ID:
                raise unknown("user")
            name = "botticelli" if identity == BOT_ID else f"user-{identity}"
            self.add_user(identity, name)
        user: dict[str, Any] = self.users[identity]
        return user

    def add_user(self, identity: str, name: str) -> None:
        bot = {"bot": True} if identity == BOT_ID else {}
        user = {"id": identity, "username": name, "discriminator": "0", "global_name": None, "avatar": None}
        self.users[identity] = user | bot | {"public_flags": 0, "flags": 0}

    def guild(self, identity: str) -> dict[str, Any]:
        if identity not in self.guilds:
            if not self.lenient:
                raise unknown("guild")
            self.add_guild(identity)
        guild: dict[str, Any] = self.guilds[identity]
        return guild

    def add_guild(self, identity: str, name: str = "A server") -> dict[str, Any]:
        everyone = role(identity, "@everyone")
        self.guilds[identity] = {
            "id": identity,
            "name": name,
            "owner_id": BOT_ID,
            "roles": {identity: everyone},
            "members": {},
            "bans": {},
            "events": {},
            "invites": {},
            "audit": [],
        }
        self.member(identity, BOT_ID, add=True)
        return self.guild(identity)

    def member(self, guild_id: str, user_id: str, *, add: bool = False) -> dict[str, Any]:
        members = self.guild(guild_id)["members"]
        if user_id not in members:
            if not (add or (self.lenient and user_id not in self.gone)):
                raise unknown("member")
            members[user_id] = member()
        member_: dict[str, Any] = members[user_id]
        return member_

    def role(self, guild_id: str, role_id: str) -> dict[str, Any]:
        roles = self.guild(guild_id)["roles"]
        if role_id not in roles:
            self._missing("role", role_id)
            roles[role_id] = role(role_id, f"role-{role_id}")
        role_: dict[str, Any] = roles[role_id]
        return role_

    def channel(self, identity: str) -> dict[str, Any]:
        if identity not in self.channels:
            self._missing("channel", identity)
            guild = next(iter(self.guilds), None) or self.guild("1")["id"]
            self.channels[identity] = channel(identity, guild, f"channel-{identity}", 0)
        channel_: dict[str, Any] = self.channels[identity]
        return channel_

    def message(self, channel_id: str, message_id: str) -> dict[str, Any]:
        messages = self.of_channel(channel_id)
        if message_id not in messages:
            self._missing("message", message_id)
            messages[message_id] = message(message_id, channel_id, self.user(BOT_ID), {"content": "an earlier message"})
        stored: dict[str, Any] = messages[message_id]
        return stored

    def of_channel(self, channel_id: str) -> dict[str, Any]:
        self.channel(channel_id)
        return self.messages.setdefault(channel_id, {})

    def _missing(self, kind: str, identity: str) -> None:
        if not self.lenient or identity in self.gone:
            raise unknown(kind)

    def forget(self, *identities: str) -> None:
        if self.lenient:
            self.gone = [*self.gone, *identities][-KEPT_MESSAGES:]


def now() -> str:
    return datetime.now(UTC).isoformat()


def role(identity: str, name: str) -> dict[str, Any]:
    fixed = {"position": 0, "permissions": "0", "managed": False, "flags": 0, "icon": None, "unicode_emoji": None}
    own = {"id": identity, "name": name, "color": 0, "colors": colors(0)}
    return own | {"hoist": False, "mentionable": False} | fixed


def colors(primary: int) -> dict[str, Any]:
    """Return the colours of a role; the older field `color` equals the first."""
    return {"primary_color": primary, "secondary_color": None, "tertiary_color": None}


def member() -> dict[str, Any]:
    flags = {"pending": False, "deaf": False, "mute": False, "flags": 0, "communication_disabled_until": None}
    return {
        "nick": None,
        "roles": [],
        "joined_at": now(),
        "premium_since": None,
        "avatar": None,
        "banner": None,
    } | flags


def channel(identity: str, guild_id: str, name: str, kind: int) -> dict[str, Any]:
    named = {"id": identity, "type": kind, "guild_id": guild_id, "name": name, "position": 0, "flags": 0}
    free: dict[str, Any] = {
        "topic": None,
        "nsfw": False,
        "parent_id": None,
        "rate_limit_per_user": 0,
        "permission_overwrites": [],
    }
    voice = {"bitrate": 64_000, "user_limit": 0, "rtc_region": None} if kind in VOICE_TYPES else {}
    return named | free | voice | {"last_message_id": None}


def attachment(identity: str, channel_id: str, file: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attachment for a `file` with name, size in bytes and type; its URLs lead nowhere."""
    place = f"attachments/{channel_id}/{identity}/{quote(file['filename'])}"
    urls = {"url": f"https://cdn.discordapp.com/{place}", "proxy_url": f"https://media.discordapp.net/{place}"}
    words = ("filename", "description", "title", "size", "content_type")
    return {"id": identity} | {name: file[name] for name in words if file.get(name) is not None} | urls


def message(identity: str, channel_id: str, author: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    said = {"id": identity, "channel_id": channel_id, "author": dict(author), "content": body.get("content") or ""}
    flags = {"tts": bool(body.get("tts")), "pinned": False, "mention_everyone": False, "type": 0}
    more = {
        "embeds": body.get("embeds") or [],
        "attachments": [],
        "mentions": [],
        "mention_roles": [],
        "components": body.get("components") or [],
    }
    dates: dict[str, Any] = {
        "timestamp": now(),
        "edited_timestamp": None,
        "flags": body.get("flags") or 0,
        "reactions": [],
    }
    return said | flags | more | dates
