"""Answers requests about messages, pins and reactions of the fake Discord."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.platforms.discord.commands.message_texts import MOST_CHARACTERS
from botticelli.platforms.discord.fake.guild_data import (
    BOT_ID,
    KEPT_MESSAGES,
    Data,
    Refused,
    attachment,
    invalid,
    message,
    now,
)
from botticelli.platforms.discord.fake.request import Request
from botticelli.platforms.discord.rest.api import made_at

Answer = tuple[int, Any]
NONCE_SECONDS = 180
"""Time for which a nonce identifies a repeated message."""
CHANNEL = "/channels/{channel_id}"
MESSAGE = f"{CHANNEL}/messages/{{message_id}}"
TEXT_TYPES = (0, 2, 5, 10, 11, 12, 13)


def send(data: Data, request: Request) -> Answer:
    of_channel = data.of_channel(request.channel_id)
    if data.channel(request.channel_id)["type"] not in TEXT_TYPES:
        raise Refused(400, 50008, "Cannot send messages in a non-text channel")
    nonce = request.body.get("nonce")
    if nonce is not None and (not isinstance(nonce, str | int) or len(str(nonce)) > 25):
        raise invalid("nonce", "Must be 25 or fewer in length.")
    if nonce is not None and request.body.get("enforce_nonce"):
        for message_ in of_channel.values():
            age = datetime.now(UTC) - made_at(message_["id"])
            if message_.get("_nonce") == nonce and age < timedelta(seconds=NONCE_SECONDS):
                return 200, _shown(message_) | {"nonce": nonce}
    made = add(data, request.channel_id, request.body, BOT_ID)
    if nonce is not None:
        made["_nonce"] = nonce
    return 200, _shown(made) | ({"nonce": nonce} if nonce is not None else {})


def add(data: Data, channel_id: str, body: dict[str, Any], author: str, at_ms: float | None = None) -> dict[str, Any]:
    """Store a message of `author`."""
    content = body.get("content") or ""
    if len(content) > MOST_CHARACTERS:
        raise invalid("content", f"Must be {MOST_CHARACTERS} or fewer in length.")
    if not content.strip() and not body.get("embeds") and not body.get("attachments"):
        raise Refused(400, 50006, "Cannot send an empty message")
    of_channel = data.of_channel(channel_id)
    made = message(data.new_id(at_ms), channel_id, data.user(author), body)
    made["attachments"] = _attachments(data, channel_id, body.get("attachments") or [], [])
    parse = (body.get("allowed_mentions") or {"parse": ["everyone"]}).get("parse", [])
    made["mention_everyone"] = "everyone" in parse and ("@everyone" in content or "@here" in content)
    if body.get("message_reference"):
        made |= {"type": 19, "message_reference": body["message_reference"] | {"channel_id": channel_id}}
    of_channel[made["id"]] = made
    for old in sorted(of_channel, key=int)[:-KEPT_MESSAGES]:
        del of_channel[old]
    data.channel(channel_id)["last_message_id"] = made["id"]
    return made


def _attachments(
    data: Data, channel_id: str, uploads: list[dict[str, Any]], held: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the stored attachments that the request repeats, and its new files, which have a size."""
    named = {str(upload["id"]) for upload in uploads if "size" not in upload}
    remaining = [upload for upload in held if upload["id"] in named]
    if len(remaining) < len(named):
        raise invalid("attachments", "Attachment data is missing.")
    return remaining + [attachment(data.new_id(), channel_id, upload) for upload in uploads if "size" in upload]


def _shown(message_: dict[str, Any]) -> dict[str, Any]:
    """Return a message as others see it: Discord returns the nonce only to the sender."""
    hidden = ("_nonce", "_reactions")
    return {name: value for name, value in message_.items() if name not in hidden} | {"reactions": _counts(message_)}


def _counts(message_: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"emoji": {"id": None, "name": emoji}, "count": len(who), "me": BOT_ID in who, "me_burst": False}
        for emoji, who in message_.get("_reactions", {}).items()
        if who
    ]


def listed(data: Data, request: Request) -> Answer:
    newest = sorted(data.of_channel(request.channel_id).values(), key=lambda message_: -int(message_["id"]))
    limit = request.limit(50)
    if "after" in request.query:
        later = [message_ for message_ in newest if int(message_["id"]) > int(request.query["after"])]
        return 200, [_shown(message_) for message_ in later[-limit:]]
    if "before" in request.query:
        newest = [message_ for message_ in newest if int(message_["id"]) < int(request.query["before"])]
    return 200, [_shown(message_) for message_ in newest[:limit]]


def get(data: Data, request: Request) -> Answer:
    return 200, _shown(data.message(request.channel_id, request.message_id))


def edit(data: Data, request: Request) -> Answer:
    message_ = data.message(request.channel_id, request.message_id)
    if message_["author"]["id"] != BOT_ID:
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    if len(request.body.get("content") or "") > MOST_CHARACTERS:
        raise invalid("content", f"Must be {MOST_CHARACTERS} or fewer in length.")
    if "attachments" in request.body:
        message_["attachments"] = _attachments(
            data, request.channel_id, request.body["attachments"] or [], message_["attachments"]
        )
    message_ |= request.only("content", "embeds", "flags", "components") | {"edited_timestamp": now()}
    return 200, _shown(message_)


def delete(data: Data, request: Request) -> Answer:
    data.message(request.channel_id, request.message_id)
    del data.of_channel(request.channel_id)[request.message_id]
    data.forget(request.message_id)
    return 204, None


def bulk_delete(data: Data, request: Request) -> Answer:
    ids = request.body.get("messages")
    if not isinstance(ids, list) or not 2 <= len(ids) <= 100:
        raise invalid("messages", "Must be between 2 and 100 in length.")
    if len(set(ids)) < len(ids):
        raise invalid("messages", "The set already contains this value")
    if any(made_at(item) < datetime.now(UTC) - timedelta(days=14) for item in ids):
        raise Refused(400, 50034, "You can only bulk delete messages that are under 14 days old.")
    for entry in ids:
        data.of_channel(request.channel_id).pop(entry, None)
    data.forget(*ids)
    return 204, None


def pin(data: Data, request: Request) -> Answer:
    data.message(request.channel_id, request.message_id)["pinned"] = True
    return 204, None


def unpin(data: Data, request: Request) -> Answer:
    data.message(request.channel_id, request.message_id)["pinned"] = False
    return 204, None


def pins(data: Data, request: Request) -> Answer:
    pinned = [message_ for message_ in data.of_channel(request.channel_id).values() if message_["pinned"]]
    return 200, {"items": [{"pinned_at": now(), "message": _shown(message_)} for message_ in pinned], "has_more": False}


def _reactions(data: Data, request: Request) -> dict[str, list[str]]:
    reactions: dict[str, list[str]] = data.message(request.channel_id, request.message_id).setdefault("_reactions", {})
    return reactions


def react(data: Data, request: Request) -> Answer:
    who = _reactions(data, request).setdefault(request.emoji, [])
    if BOT_ID not in who:
        who.append(BOT_ID)
    return 204, None


def unreact(data: Data, request: Request) -> Answer:
    user = BOT_ID if request.user_id == "@me" else request.user_id
    who = _reactions(data, request).get(request.emoji, [])
    if user in who:
        who.remove(user)
    return 204, None


def reacted(data: Data, request: Request) -> Answer:
    after = int(request.query.get("after", 0))
    later = [item for item in sorted(_reactions(data, request).get(request.emoji, []), key=int) if int(item) > after]
    return 200, [data.user(item) for item in later[: request.limit(25)]]


def clear_reactions(data: Data, request: Request) -> Answer:
    _reactions(data, request).clear()
    return 204, None


def clear_emoji(data: Data, request: Request) -> Answer:
    _reactions(data, request).pop(request.emoji, None)
    return 204, None


ROUTES: dict[str, Callable[[Data, Request], Answer]] = {
    f"GET {CHANNEL}/messages/pins": pins,
    f"PUT {CHANNEL}/messages/pins/{{message_id}}": pin,
    f"DELETE {CHANNEL}/messages/pins/{{message_id}}": unpin,
    f"POST {CHANNEL}/messages/bulk-delete": bulk_delete,
    f"POST {CHANNEL}/messages": send,
    f"GET {CHANNEL}/messages": listed,
    f"GET {MESSAGE}": get,
    f"PATCH {MESSAGE}": edit,
    f"DELETE {MESSAGE}": delete,
    f"PUT {MESSAGE}/reactions/{{emoji}}/@me": react,
    f"DELETE {MESSAGE}/reactions/{{emoji}}/{{user_id}}": unreact,
    f"GET {MESSAGE}/reactions/{{emoji}}": reacted,
    f"DELETE {MESSAGE}/reactions/{{emoji}}": clear_emoji,
    f"DELETE {MESSAGE}/reactions": clear_reactions,
}
