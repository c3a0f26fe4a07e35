"""Performs commands on messages and reactions that take several requests or a computed body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.errors import PlatformGone
from botticelli.platforms.discord.commands.message_texts import (
    MOST_CHARACTERS,
    SUPPRESS_EMBEDS,
    defused,
    has_link,
    mentions,
    split_text,
)
from botticelli.platforms.discord.rest.api import (
    SKEW_SECONDS,
    Job,
    all_shaped,
    made_at,
    required,
    shaped,
    snowflake_at,
)

SEND = "POST /channels/{channel_id}/messages"
LIST = "GET /channels/{channel_id}/messages"
DELETE = "DELETE /channels/{channel_id}/messages/{message_id}"
BULK_DAYS = 14
"""Older messages can only be deleted singly. Source: Discord's documentation, "Bulk delete messages"."""
PAGE = 100
NONCE_CHARACTERS = 25
NONCE_SECONDS = 60
"""Time for which Discord certainly recognises a repeated nonce. Source: its documentation, "Create message": "in the
past few minutes"."""


def send_message(job: Job) -> dict[str, Any]:
    """Send all parts of a message; on a repetition only those that are missing."""
    there = _parts_there(job) if job.repeated else {}
    bodies = _bodies(job)
    sent = [there.get(index) or job.call(SEND, body=body) for index, body in enumerate(bodies)]
    return _sent(job, sent)


def find_message(job: Job) -> dict[str, Any] | None:
    """Return the messages if every part was sent, else None."""
    there = _parts_there(job)
    count = len(_bodies(job))
    return _sent(job, [there[index] for index in range(count)]) if len(there) == count else None


def _sent(job: Job, sent: list[dict[str, Any]]) -> dict[str, Any]:
    first = sent[0]
    return {
        "id": first["id"],
        "channel_id": first.get("channel_id", job.args["channel_id"]),
        "content": job.args["content"],
        "timestamp": first.get("timestamp"),
        "tts": first.get("tts", False),
        "ids": [item["id"] for item in sent],
    }


def _bodies(job: Job) -> list[dict[str, Any]]:
    allowed = _allowed(job)
    parts = split_text(defused(job.args["content"], allowed))
    required(bool(parts), "there is no text to send", "the content is blank")
    bodies = []
    for index, part in enumerate(parts):
        body = {"content": part, "allowed_mentions": mentions(allowed), **_flags(job, part), **job.given("tts")}
        if job.key:
            body |= {"nonce": _nonce(job.key, index), "enforce_nonce": True}
        bodies.append(body)
    if "reply_to" in job.args:
        bodies[0]["message_reference"] = {"message_id": job.args["reply_to"], "fail_if_not_exists": False}
    bodies[-1] |= job.given("embeds")
    return bodies


def _allowed(job: Job) -> list[str]:
    allowed_mentions = [str(item) for item in job.args.get("allowed_mentions", ())]
    required(
        not refused_mentions(allowed_mentions, job.allow_mentions),
        *mentions_refused(allowed_mentions, job.allow_mentions),
    )
    return allowed_mentions


def refused_mentions(mentions: Iterable[Any], allowed: Iterable[str]) -> list[str]:
    """List the kinds of mentions that the settings don't let a narrative allow."""
    return [mention for mention in mentions if isinstance(mention, str) and mention not in allowed]


def mentions_refused(mentions: Iterable[Any], allowed: Iterable[str]) -> tuple[str, str]:
    """Return the problem with the mentions, and the remedy."""
    do = "list it in platforms.discord.options.allow_mentions of the settings"
    return f"mentions of {', '.join(refused_mentions(mentions, allowed))} are not allowed", do


def _flags(job: Job, text: str) -> dict[str, Any]:
    quiet = has_link(text) and not job.args.get("show_links") and "embeds" not in job.args
    return {"flags": SUPPRESS_EMBEDS} if quiet else {}


def _nonce(key: str, index: int) -> str:
    return hashlib.sha256(f"{key}:{index}".encode()).hexdigest()[:NONCE_CHARACTERS]


def _parts_there(job: Job) -> dict[int, dict[str, Any]]:
    """Return the parts that were already sent, by part number.

    Looks at own messages since the intent, by nonce if Discord returns it, else by text. Returns none for a recent intent:
    Discord itself drops a repeated nonce, and equal texts can't be confused.
    """
    assert job.announced is not None
    if not job.announced.is_older_than(NONCE_SECONDS):
        return {}
    since = snowflake_at(job.announced.intended_at - timedelta(seconds=SKEW_SECONDS))
    me = job.api.call("GET /users/@me", {})["id"]
    messages = [
        message
        for message in _since(job, since)
        if message["author"]["id"] == me and message["id"] not in job.announced.taken
    ]
    there: dict[int, dict[str, Any]] = {}
    for index, body in enumerate(_bodies(job)):
        match = next((message for message in messages if message.get("nonce") == body.get("nonce")), None)
        alike = (
            message
            for message in messages
            if message.get("nonce") is None and message["content"].strip() == body["content"].strip()
        )
        match = match or next(alike, None)
        if match is not None:
            there[index] = match
            messages.remove(match)
    return there


def _since(job: Job, after: str) -> Iterable[dict[str, Any]]:
    """Yield messages, oldest first."""
    while page := job.call(LIST, query={"after": after, "limit": PAGE}):
        page.sort(key=lambda item: int(item["id"]))
        yield from page
        after = page[-1]["id"]
        if len(page) < PAGE:
            return


def one_body(job: Job) -> dict[str, Any]:
    """Return the body of a single message. Raises PlatformError if the content doesn't fit."""
    allowed = _allowed(job)
    text = defused(job.args["content"], allowed)
    required(len(text) <= MOST_CHARACTERS, f"the text has {len(text)} characters", f"at most {MOST_CHARACTERS} fit")
    return {"content": text, "allowed_mentions": mentions(allowed), **_flags(job, text)}


def edit_message(job: Job) -> Any:
    route = "PATCH /channels/{channel_id}/messages/{message_id}"
    return shaped("edited_message", job.call(route, body=one_body(job)))


def clear_messages(job: Job) -> dict[str, Any]:
    ids = _delete(job, _newest(job))
    return {"cleared": len(ids), "channel_id": job.args["channel_id"], "deleted_ids": ids}


def bulk_delete_messages(job: Job) -> dict[str, Any]:
    message_ids = job.args.get("message_ids")
    ids = _delete(
        job, _newest(job) if message_ids is None else message_ids, known=None if message_ids is None else _seen(job)
    )
    return {"success": True, "deleted_count": len(ids), "deleted_ids": ids}


def _newest(job: Job) -> list[str]:
    """List the ids to delete; on a repetition, none newer than the first attempt."""
    query = {"limit": job.args["limit"]}
    if job.repeated and job.announced is not None:
        query["before"] = snowflake_at(job.announced.intended_at + timedelta(seconds=SKEW_SECONDS))
    return [item["id"] for item in job.call(LIST, query=query)]


def _seen(job: Job) -> set[str]:
    return {item["id"] for item in job.call(LIST, query={"limit": PAGE})}


def _delete(job: Job, ids: list[str], known: set[str] | None = None) -> list[str]:
    """Delete messages and return the ids that existed. Only known ones are deleted in bulk, whose answer names none."""
    oldest = datetime.now(UTC) - timedelta(days=BULK_DAYS) + timedelta(minutes=5)
    bulk = [item for item in ids if made_at(item) > oldest and (known is None or item in known)]
    if len(bulk) < 2:
        bulk = []
    for start in range(0, len(bulk), PAGE):
        some = bulk[start : start + PAGE]
        if len(some) == 1:
            _delete_one(job, some[0])
        else:
            job.call("POST /channels/{channel_id}/messages/bulk-delete", body={"messages": some})
    deleted = set(bulk) | {item for item in ids if item not in bulk and _delete_one(job, item)}
    return [item for item in ids if item in deleted]


def _delete_one(job: Job, identity: str) -> bool:
    try:
        job.call(DELETE, message_id=identity)
    except PlatformGone:
        return False
    return True


def remove_reaction(job: Job) -> dict[str, Any]:
    who = "{user_id}" if "user_id" in job.args else "@me"
    job.call(f"DELETE /channels/{{channel_id}}/messages/{{message_id}}/reactions/{{emoji}}/{who}")
    return {"removed": True, **job.given("channel_id", "message_id", "emoji", "user_id")}


def list_reactions(job: Job) -> dict[str, Any]:
    route = "GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji}"
    users = all_shaped("user", job.call(route, query=job.given("limit")))
    return {"users": users, "count": len(users)}
