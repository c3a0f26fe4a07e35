"""Threads and forum posts of a little Discord."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, Refused, channel, now
from botticelli.platforms.discord.fake.request import Asked
from botticelli.platforms.discord.fake.stored_messages import add

Answer = tuple[int, Any]
FORUM = 15


def create(data: Data, asked: Asked) -> Answer:
    parent = data.channel(asked.channel_id)
    is_post = parent["type"] == FORUM or "message" in asked.body
    made = _thread(data, asked, parent, data.new_id(), 11 if is_post else asked.body.get("type", 12))
    if is_post:
        first = add(data, made["id"], asked.body.get("message") or {}, BOT_ID)
        made["message_count"] = 1
        return 201, made | {"message": first}
    return 201, made


def from_message(data: Data, asked: Asked) -> Answer:
    """A thread of a message has the message's id."""
    data.message(asked.channel_id, asked.message_id)
    if asked.message_id in data.channels:
        raise Refused(400, 160004, "A thread has already been created for this message")
    return 201, _thread(data, asked, data.channel(asked.channel_id), asked.message_id, 11)


def _thread(data: Data, asked: Asked, parent: dict[str, Any], identity: str, kind: int) -> dict[str, Any]:
    archive = {"archived": False, "locked": False, "archive_timestamp": now(), "auto_archive_duration": 1440}
    metadata = archive | asked.only("auto_archive_duration", "invitable")
    made = channel(identity, parent["guild_id"], str(asked.text("name", 100)), kind)
    counts = {"message_count": 0, "member_count": 1, "total_message_sent": 0, "owner_id": BOT_ID}
    made |= counts | {"parent_id": parent["id"], "thread_metadata": metadata, "members": [BOT_ID]}
    data.channels[identity] = made
    asked.note(data, parent["guild_id"], 110, identity)
    return made


def active(data: Data, asked: Asked) -> Answer:
    data.guild(asked.guild_id)
    mine = [one for one in _threads(data) if one["guild_id"] == asked.guild_id]
    return 200, {"threads": [one for one in mine if not one["thread_metadata"]["archived"]], "members": []}


def archived(data: Data, asked: Asked) -> Answer:
    mine = [one for one in _threads(data) if one["parent_id"] == asked.channel_id]
    found = [one for one in mine if one["thread_metadata"]["archived"]]
    return 200, {"threads": found, "members": [], "has_more": False}


def _threads(data: Data) -> list[dict[str, Any]]:
    return [one for one in data.channels.values() if "thread_metadata" in one]


def join(data: Data, asked: Asked) -> Answer:
    members = data.channel(asked.channel_id).setdefault("members", [])
    who = BOT_ID if asked.ids.get("user_id", "@me") == "@me" else asked.user_id
    if who not in members:
        members.append(who)
    return 204, None


def leave(data: Data, asked: Asked) -> Answer:
    members = data.channel(asked.channel_id).setdefault("members", [])
    who = BOT_ID if asked.ids.get("user_id", "@me") == "@me" else asked.user_id
    if who in members:
        members.remove(who)
    return 204, None


CHANNEL = "/channels/{channel_id}"
ROUTES: dict[str, Callable[[Data, Asked], Answer]] = {
    f"POST {CHANNEL}/threads": create,
    f"POST {CHANNEL}/messages/{{message_id}}/threads": from_message,
    "GET /guilds/{guild_id}/threads/active": active,
    f"GET {CHANNEL}/threads/archived/public": archived,
    f"PUT {CHANNEL}/thread-members/@me": join,
    f"DELETE {CHANNEL}/thread-members/@me": leave,
    f"PUT {CHANNEL}/thread-members/{{user_id}}": join,
    f"DELETE {CHANNEL}/thread-members/{{user_id}}": leave,
}
