"""Messages, pins and reactions of a little Discord."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.platforms.discord.commands.command_context import made_at
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
from botticelli.platforms.discord.fake.request import Asked

Answer = tuple[int, Any]
NONCE_SECONDS = 180
"""For about so long a nonce tells a repetition from a new message."""
CHANNEL = "/channels/{channel_id}"
MESSAGE = f"{CHANNEL}/messages/{{message_id}}"
TEXT_TYPES = (0, 2, 5, 10, 11, 12, 13)


def send(data: Data, asked: Asked) -> Answer:
    found = data.of_channel(asked.channel_id)
    if data.channel(asked.channel_id)["type"] not in TEXT_TYPES:
        raise Refused(400, 50008, "Cannot send messages in a non-text channel")
    nonce = asked.body.get("nonce")
    if nonce is not None and (not isinstance(nonce, str | int) or len(str(nonce)) > 25):
        raise invalid("nonce", "Must be 25 or fewer in length.")
    if nonce is not None and asked.body.get("enforce_nonce"):
        for one in found.values():
            age = datetime.now(UTC) - made_at(one["id"])
            if one.get("_nonce") == nonce and age < timedelta(seconds=NONCE_SECONDS):
                return 200, _shown(one) | {"nonce": nonce}
    made = add(data, asked.channel_id, asked.body, BOT_ID)
    if nonce is not None:
        made["_nonce"] = nonce
    return 200, _shown(made) | ({"nonce": nonce} if nonce is not None else {})


def add(data: Data, channel_id: str, body: dict[str, Any], author: str, at_ms: float | None = None) -> dict[str, Any]:
    """A message as if `author` had sent it."""
    content = body.get("content") or ""
    if len(content) > MOST_CHARACTERS:
        raise invalid("content", f"Must be {MOST_CHARACTERS} or fewer in length.")
    if not content.strip() and not body.get("embeds") and not body.get("attachments"):
        raise Refused(400, 50006, "Cannot send an empty message")
    found = data.of_channel(channel_id)
    made = message(data.new_id(at_ms), channel_id, data.user(author), body)
    made["attachments"] = _attachments(data, channel_id, body.get("attachments") or [], [])
    parse = (body.get("allowed_mentions") or {"parse": ["everyone"]}).get("parse", [])
    made["mention_everyone"] = "everyone" in parse and ("@everyone" in content or "@here" in content)
    if body.get("message_reference"):
        made |= {"type": 19, "message_reference": body["message_reference"] | {"channel_id": channel_id}}
    found[made["id"]] = made
    for old in sorted(found, key=int)[:-KEPT_MESSAGES]:
        del found[old]
    data.channel(channel_id)["last_message_id"] = made["id"]
    return made


def _attachments(
    data: Data, channel_id: str, wanted: list[dict[str, Any]], held: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Those of `held` that are named again, and the files that came with the request: these have a size."""
    named = {str(one["id"]) for one in wanted if "size" not in one}
    kept = [one for one in held if one["id"] in named]
    if len(kept) < len(named):
        raise invalid("attachments", "Attachment data is missing.")
    return kept + [attachment(data.new_id(), channel_id, one) for one in wanted if "size" in one]


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    """Discord tells the nonce only to who sends."""
    hidden = ("_nonce", "_reactions")
    return {name: value for name, value in one.items() if name not in hidden} | {"reactions": _counts(one)}


def _counts(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"emoji": {"id": None, "name": emoji}, "count": len(who), "me": BOT_ID in who, "me_burst": False}
        for emoji, who in one.get("_reactions", {}).items()
        if who
    ]


def listed(data: Data, asked: Asked) -> Answer:
    newest = sorted(data.of_channel(asked.channel_id).values(), key=lambda one: -int(one["id"]))
    limit = asked.limit(50)
    if "after" in asked.query:
        later = [one for one in newest if int(one["id"]) > int(asked.query["after"])]
        return 200, [_shown(one) for one in later[-limit:]]
    if "before" in asked.query:
        newest = [one for one in newest if int(one["id"]) < int(asked.query["before"])]
    return 200, [_shown(one) for one in newest[:limit]]


def get(data: Data, asked: Asked) -> Answer:
    return 200, _shown(data.message(asked.channel_id, asked.message_id))


def edit(data: Data, asked: Asked) -> Answer:
    one = data.message(asked.channel_id, asked.message_id)
    if one["author"]["id"] != BOT_ID:
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    if len(asked.body.get("content") or "") > MOST_CHARACTERS:
        raise invalid("content", f"Must be {MOST_CHARACTERS} or fewer in length.")
    if "attachments" in asked.body:
        one["attachments"] = _attachments(data, asked.channel_id, asked.body["attachments"] or [], one["attachments"])
    one |= asked.only("content", "embeds", "flags") | {"edited_timestamp": now()}
    return 200, _shown(one)


def delete(data: Data, asked: Asked) -> Answer:
    data.message(asked.channel_id, asked.message_id)
    del data.of_channel(asked.channel_id)[asked.message_id]
    data.forget(asked.message_id)
    return 204, None


def bulk_delete(data: Data, asked: Asked) -> Answer:
    ids = asked.body.get("messages")
    if not isinstance(ids, list) or not 2 <= len(ids) <= 100:
        raise invalid("messages", "Must be between 2 and 100 in length.")
    if len(set(ids)) < len(ids):
        raise invalid("messages", "The set already contains this value")
    if any(made_at(one) < datetime.now(UTC) - timedelta(days=14) for one in ids):
        raise Refused(400, 50034, "You can only bulk delete messages that are under 14 days old.")
    for one in ids:
        data.of_channel(asked.channel_id).pop(one, None)
    data.forget(*ids)
    return 204, None


def pin(data: Data, asked: Asked) -> Answer:
    data.message(asked.channel_id, asked.message_id)["pinned"] = True
    return 204, None


def unpin(data: Data, asked: Asked) -> Answer:
    data.message(asked.channel_id, asked.message_id)["pinned"] = False
    return 204, None


def pins(data: Data, asked: Asked) -> Answer:
    pinned = [one for one in data.of_channel(asked.channel_id).values() if one["pinned"]]
    return 200, {"items": [{"pinned_at": now(), "message": _shown(one)} for one in pinned], "has_more": False}


def _reactions(data: Data, asked: Asked) -> dict[str, list[str]]:
    found: dict[str, list[str]] = data.message(asked.channel_id, asked.message_id).setdefault("_reactions", {})
    return found


def react(data: Data, asked: Asked) -> Answer:
    who = _reactions(data, asked).setdefault(asked.emoji, [])
    if BOT_ID not in who:
        who.append(BOT_ID)
    return 204, None


def unreact(data: Data, asked: Asked) -> Answer:
    user = BOT_ID if asked.user_id == "@me" else asked.user_id
    who = _reactions(data, asked).get(asked.emoji, [])
    if user in who:
        who.remove(user)
    return 204, None


def reacted(data: Data, asked: Asked) -> Answer:
    after = int(asked.query.get("after", 0))
    later = [one for one in sorted(_reactions(data, asked).get(asked.emoji, []), key=int) if int(one) > after]
    return 200, [data.user(one) for one in later[: asked.limit(25)]]


def clear_reactions(data: Data, asked: Asked) -> Answer:
    _reactions(data, asked).clear()
    return 204, None


def clear_emoji(data: Data, asked: Asked) -> Answer:
    _reactions(data, asked).pop(asked.emoji, None)
    return 204, None


ROUTES: dict[str, Callable[[Data, Asked], Answer]] = {
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
