"""Answers requests about threads and forum posts of the fake Discord."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, Refused, channel, now
from botticelli.platforms.discord.fake.request import Request
from botticelli.platforms.discord.fake.stored_messages import add

Answer = tuple[int, Any]
FORUM = 15


def create(data: Data, request: Request) -> Answer:
    parent = data.channel(request.channel_id)
    is_post = parent["type"] == FORUM or "message" in request.body
    made = _thread(data, request, parent, data.new_id(), 11 if is_post else request.body.get("type", 12))
    if is_post:
        first = add(data, made["id"], request.body.get("message") or {}, BOT_ID)
        made["message_count"] = 1
        return 201, made | {"message": first}
    return 201, made


def from_message(data: Data, request: Request) -> Answer:
    """Create a thread of a message; it has the message's id."""
    data.message(request.channel_id, request.message_id)
    if request.message_id in data.channels:
        raise Refused(400, 160004, "A thread has already been created for this message")
    return 201, _thread(data, request, data.channel(request.channel_id), request.message_id, 11)


def _thread(data: Data, request: Request, parent: dict[str, Any], identity: str, kind: int) -> dict[str, Any]:
    archive = {"archived": False, "locked": False, "archive_timestamp": now(), "auto_archive_duration": 1440}
    metadata = archive | request.only("auto_archive_duration", "invitable")
    made = channel(identity, parent["guild_id"], str(request.text("name", 100)), kind)
    counts = {"message_count": 0, "member_count": 1, "total_message_sent": 0, "owner_id": BOT_ID}
    made |= counts | {"parent_id": parent["id"], "thread_metadata": metadata, "members": [BOT_ID]}
    data.channels[identity] = made
    request.note(data, parent["guild_id"], 110, identity)
    return made


def active(data: Data, request: Request) -> Answer:
    data.guild(request.guild_id)
    mine = [thread for thread in _threads(data) if thread["guild_id"] == request.guild_id]
    return 200, {"threads": [thread_ for thread_ in mine if not thread_["thread_metadata"]["archived"]], "members": []}


def archived(data: Data, request: Request) -> Answer:
    mine = [thread for thread in _threads(data) if thread["parent_id"] == request.channel_id]
    threads = [thread_ for thread_ in mine if thread_["thread_metadata"]["archived"]]
    return 200, {"threads": threads, "members": [], "has_more": False}


def _threads(data: Data) -> list[dict[str, Any]]:
    return [thread_ for thread_ in data.channels.values() if "thread_metadata" in thread_]


def join(data: Data, request: Request) -> Answer:
    members = data.channel(request.channel_id).setdefault("members", [])
    who = BOT_ID if request.ids.get("user_id", "@me") == "@me" else request.user_id
    if who not in members:
        members.append(who)
    return 204, None


def leave(data: Data, request: Request) -> Answer:
    members = data.channel(request.channel_id).setdefault("members", [])
    who = BOT_ID if request.ids.get("user_id", "@me") == "@me" else request.user_id
    if who in members:
        members.remove(who)
    return 204, None


CHANNEL = "/channels/{channel_id}"
ROUTES: dict[str, Callable[[Data, Request], Answer]] = {
    f"POST {CHANNEL}/threads": create,
    f"POST {CHANNEL}/messages/{{message_id}}/threads": from_message,
    "GET /guilds/{guild_id}/threads/active": active,
    f"GET {CHANNEL}/threads/archived/public": archived,
    f"PUT {CHANNEL}/thread-members/@me": join,
    f"DELETE {CHANNEL}/thread-members/@me": leave,
    f"PUT {CHANNEL}/thread-members/{{user_id}}": join,
    f"DELETE {CHANNEL}/thread-members/{{user_id}}": leave,
}
