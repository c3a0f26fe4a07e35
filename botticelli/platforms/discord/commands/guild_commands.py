"""Performs commands on guilds, channels, roles, members, threads and events that are more than one route."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botticelli.errors import PlatformError
from botticelli.platforms.discord.commands import message_commands
from botticelli.platforms.discord.rest.api import Job, all_shaped, shaped

KINDS = {"text": 0, "voice": 2, "category": 4, "announcement": 5, "stage": 13, "forum": 15}
"""Source: Discord's documentation, "Channel types"."""
NAMED_LOOSELY = (0, 5, 15)
"""Channel types whose names Discord writes in lower case with dashes."""
PUBLIC_THREAD, PRIVATE_THREAD = 11, 12
STAGE, VOICE, EXTERNAL = 1, 2, 3
"""Kinds of place of an event."""
CHANNELS = "GET /guilds/{guild_id}/channels"


def server_stats(job: Job) -> dict[str, Any]:
    guild = job.call("GET /guilds/{guild_id}", query={"with_counts": "true"})
    identity, base = guild["id"], "https://cdn.discordapp.com"
    icon, banner = guild.get("icon"), guild.get("banner")
    fields = ("name", "description", "owner_id", "verification_level", "premium_tier", "premium_subscription_count")
    return {
        "guild_id": identity,
        "member_count": guild.get("approximate_member_count"),
        "icon_url": f"{base}/icons/{identity}/{icon}.png" if icon else None,
        "banner_url": f"{base}/banners/{identity}/{banner}.png" if banner else None,
        **{name: guild.get(name) for name in fields},
    }


def create_channel(job: Job) -> dict[str, Any]:
    made = job.call("POST /guilds/{guild_id}/channels", body=_channel(job))
    return channel_answer(made)


def get_or_create_channel(job: Job) -> dict[str, Any]:
    existing = next((channel for channel in job.call(CHANNELS) if is_that_channel(job, channel)), None)
    if existing is not None:
        return channel_answer(existing) | {"existed": True}
    return create_channel(job) | {"existed": False}


def channel_answer(channel: dict[str, Any]) -> dict[str, Any]:
    kinds = {number: kind for kind, number in KINDS.items()}
    made = shaped("created_channel", channel)
    return made | {"kind": kinds.get(made["kind"], made["kind"])}


def is_that_channel(job: Job, channel: dict[str, Any]) -> bool:
    """Return whether a channel has the name, the kind and, if given, the category of the arguments."""
    kind = KINDS[job.args.get("kind", "text")]
    category = job.args.get("category_id")
    if channel["type"] != kind or (category is not None and channel.get("parent_id") != category):
        return False
    return _name(channel["name"], kind) == _name(job.args["name"], kind)


def _name(name: str, kind: int) -> str:
    return "-".join(name.lower().split()) if kind in NAMED_LOOSELY else name.strip()


def _channel(job: Job) -> dict[str, Any]:
    body = job.given("name", "topic", "position", "nsfw", "rate_limit_per_user")
    parent = {"parent_id": job.args["category_id"]} if "category_id" in job.args else {}
    return body | parent | {"type": KINDS[job.args.get("kind", "text")]}


def create_role(job: Job) -> Any:
    body = job.given("name", "color", "hoist", "mentionable", "permissions")
    return shaped("role", job.call("POST /guilds/{guild_id}/roles", body=body))


def ban_member(job: Job) -> dict[str, Any]:
    body = {"delete_message_seconds": job.args.get("delete_message_days", 0) * 86_400}
    job.call("PUT /guilds/{guild_id}/bans/{user_id}", body=body)
    return {"banned": True, **job.given("guild_id", "user_id")}


def time_out_member(job: Job) -> dict[str, Any]:
    """Time a member out until a time counted from the intent, so that a repetition doesn't extend it."""
    since = job.announced.intended_at if job.announced else datetime.now(UTC)
    until = (since + timedelta(seconds=job.args["duration_seconds"])).astimezone(UTC).isoformat()
    job.call("PATCH /guilds/{guild_id}/members/{user_id}", body={"communication_disabled_until": until})
    return {"timed_out": True, **job.given("guild_id", "user_id", "duration_seconds"), "timeout_until": until}


def edit_member(job: Job) -> dict[str, Any]:
    names = {"nickname": "nick", "mute": "mute", "deafen": "deaf", "roles": "roles"}
    body = {there: job.args[here] for here, there in names.items() if here in job.args}
    job.call("PATCH /guilds/{guild_id}/members/{user_id}", body=body)
    return {**job.given("guild_id", "user_id"), "changes": [name for name in names if name in job.args]}


def create_thread(job: Job) -> dict[str, Any]:
    body = job.given("name", "auto_archive_duration", "rate_limit_per_user")
    if "message_id" in job.args:
        made = job.call("POST /channels/{channel_id}/messages/{message_id}/threads", body=body)
    else:
        kind = PRIVATE_THREAD if "invitable" in job.args else PUBLIC_THREAD
        body |= {"type": kind, **job.given("invitable")}
        made = job.call("POST /channels/{channel_id}/threads", body=body)
    return thread_answer(made)


def thread_answer(thread: dict[str, Any]) -> dict[str, Any]:
    return {"thread_id": thread["id"], "name": thread["name"], "type": thread["type"]}


def list_threads(job: Job) -> dict[str, Any]:
    """List active threads, of one channel if it is given."""
    active = job.call("GET /guilds/{guild_id}/threads/active")["threads"]
    channel = job.args.get("channel_id")
    threads = all_shaped("thread", [item for item in active if channel in (None, item.get("parent_id"))])
    return {"threads": threads, "count": len(threads)}


def create_post(job: Job) -> dict[str, Any]:
    message = message_commands.one_body(job)
    body = {"name": job.args["name"], "auto_archive_duration": job.args.get("auto_archive_duration", 60)}
    made = job.call("POST /channels/{channel_id}/threads", body=body | {"message": message})
    return thread_answer(made)


def list_posts(job: Job) -> Any:
    """List the posts of a forum: active ones, then archived ones."""
    guild = job.call("GET /channels/{channel_id}")["guild_id"]
    active = job.call("GET /guilds/{guild_id}/threads/active", guild_id=guild)["threads"]
    archived = job.call("GET /channels/{channel_id}/threads/archived/public", query={"limit": 100})["threads"]
    mine = [item for item in active if item.get("parent_id") == job.args["channel_id"]]
    ids = {item["id"] for item in mine}
    return all_shaped("post", [*mine, *(item for item in archived if item["id"] not in ids)])


def create_event(job: Job) -> dict[str, Any]:
    """Create an event in a channel or elsewhere; one elsewhere ends an hour after its start unless an end is given."""
    start = job.args["start_time"]
    body = {"name": job.args["name"], "privacy_level": 2, "scheduled_start_time": start, **job.given("description")}
    if "end_time" in job.args:
        body["scheduled_end_time"] = job.args["end_time"]
    if "channel_id" in job.args:
        channel = job.call("GET /channels/{channel_id}")
        kind = STAGE if channel["type"] == KINDS["stage"] else VOICE
        body |= {"entity_type": kind, "channel_id": job.args["channel_id"]}
    else:
        end = (datetime.fromisoformat(start) + timedelta(hours=1)).isoformat()
        body.setdefault("scheduled_end_time", end)
        body |= {"entity_type": EXTERNAL, "entity_metadata": {"location": job.args.get("location", "Discord")}}
    return event_answer(job.call("POST /guilds/{guild_id}/scheduled-events", body=body))


def event_answer(event: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": event["id"], "name": event["name"]}


def edit_event(job: Job) -> dict[str, Any]:
    names = {"name": "name", "description": "description"}
    names |= {"start_time": "scheduled_start_time", "end_time": "scheduled_end_time"}
    body: dict[str, Any] = {there: job.args[here] for here, there in names.items() if here in job.args}
    if "location" in job.args:
        body |= {"entity_type": EXTERNAL, "entity_metadata": {"location": job.args["location"]}}
    job.call("PATCH /guilds/{guild_id}/scheduled-events/{event_id}", body=body)
    return {"success": True, "event_id": job.args["event_id"]}


def perform(job: Job, steps: str) -> Any:
    if steps not in STEPS:
        raise PlatformError(f"{job.entry.spec.name} has no steps {steps!r}")
    return STEPS[steps](job)


STEPS: dict[str, Callable[[Job], Any]] = {
    step.__name__: step
    for step in (
        server_stats,
        create_channel,
        get_or_create_channel,
        create_role,
        ban_member,
        time_out_member,
        edit_member,
        create_thread,
        list_threads,
        create_post,
        list_posts,
        create_event,
        edit_event,
        message_commands.send_message,
        message_commands.edit_message,
        message_commands.clear_messages,
        message_commands.bulk_delete_messages,
        message_commands.remove_reaction,
        message_commands.list_reactions,
    )
}
