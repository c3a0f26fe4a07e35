"""Finds what an effect of unknown outcome created: by name and time, and by its marker in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botticelli.errors import PlatformError, PlatformGone, PlatformTransient, PlatformUnknown
from botticelli.platforms.discord.commands.guild_commands import (
    CHANNELS,
    channel_answer,
    event_answer,
    is_that_channel,
    thread_answer,
)
from botticelli.platforms.discord.commands.message_commands import find_message
from botticelli.platforms.discord.rest.api import Job, shaped
from botticelli.platforms.protocol import UNKNOWN, Unknown

Found = dict[str, Any] | Unknown | None
CHANNEL_CREATE, ROLE_CREATE, EVENT_CREATE, THREAD_CREATE = 10, 30, 100, 110
"""Source: Discord's documentation, "Audit log events"."""


def find(job: Job) -> Found:
    """Return the result of the command, or None if it wasn't performed."""
    finder = _FINDERS.get(job.entry.spec.name)
    return finder(job) if finder else None


def _channel(job: Job) -> Found:
    alike = [channel for channel in job.call(CHANNELS) if is_that_channel(job, channel)]
    match = _match(job, alike, CHANNEL_CREATE)
    return channel_answer(match) if isinstance(match, dict) else match


def _role(job: Job) -> Found:
    alike = [role for role in job.call("GET /guilds/{guild_id}/roles") if role["name"] == job.args["name"]]
    match = _match(job, alike, ROLE_CREATE)
    return shaped("role", match) if isinstance(match, dict) else match


def _thread(job: Job) -> Found:
    if "message_id" in job.args:
        try:
            return thread_answer(job.call("GET /channels/{message_id}"))
        except PlatformGone:
            return None
    channel = job.call("GET /channels/{channel_id}")
    threads = job.call("GET /guilds/{guild_id}/threads/active", guild_id=channel["guild_id"])["threads"]
    alike = [
        thread
        for thread in threads
        if thread.get("parent_id") == job.args["channel_id"] and thread["name"] == job.args["name"]
    ]
    match = _match(job, alike, THREAD_CREATE, guild_id=channel["guild_id"])
    return thread_answer(match) if isinstance(match, dict) else match


def _event(job: Job) -> Found:
    start = datetime.fromisoformat(job.args["start_time"])
    alike = [
        event
        for event in job.call("GET /guilds/{guild_id}/scheduled-events")
        if event["name"] == job.args["name"] and datetime.fromisoformat(event["scheduled_start_time"]) == start
    ]
    match = _match(job, alike, EVENT_CREATE)
    return event_answer(match) if isinstance(match, dict) else match


def _match(job: Job, alike: list[dict[str, Any]], action: int, **more: Any) -> Found:
    """Return the candidate with the effect's marker; without a readable audit log, the only recent one."""
    fresh = [candidate for candidate in alike if job.is_fresh(candidate["id"])]
    if not fresh:
        return None
    marks = _marks(job, action, **more)
    marked = [candidate for candidate in fresh if job.marker in marks.get(candidate["id"], "")]
    if marked:
        return marked[0]
    unmarked = [candidate for candidate in fresh if candidate["id"] not in marks]
    if not unmarked:
        return None
    return unmarked[0] if len(unmarked) == 1 else UNKNOWN


def _marks(job: Job, action: int, **more: Any) -> dict[str, str]:
    """Return audit-log reasons by target; none if the bot may not read the audit log."""
    query = {"action_type": action, "limit": 100}
    try:
        entries = job.call("GET /guilds/{guild_id}/audit-logs", query=query, **more)["audit_log_entries"]
    except (PlatformTransient, PlatformUnknown):
        raise
    except PlatformError:
        return {}
    return {entry["target_id"]: entry.get("reason") or "" for entry in entries if entry.get("target_id")}


_FINDERS: dict[str, Callable[[Job], Found]] = {
    "messages.send": find_message,
    "channels.create": _channel,
    "roles.create": _role,
    "threads.create": _thread,
    "forum.create_post": _thread,
    "events.create": _event,
}
