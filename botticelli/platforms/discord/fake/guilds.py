"""Guilds, channels, roles, members, events and lists of a little Discord."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botticelli.platforms.discord.commands.guild_commands import NAMED_LOOSELY
from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, channel, colors, invalid, role, unknown
from botticelli.platforms.discord.fake.request import Asked

Answer = tuple[int, Any]
GUILD_NUMBERS = (
    "premium_tier",
    "afk_timeout",
    "default_message_notifications",
    "explicit_content_filter",
    "mfa_level",
    "system_channel_flags",
    "nsfw_level",
)
GUILD_NOTHING = (
    "description",
    "icon",
    "banner",
    "splash",
    "discovery_splash",
    "afk_channel_id",
    "application_id",
    "system_channel_id",
    "rules_channel_id",
    "public_updates_channel_id",
    "safety_alerts_channel_id",
    "vanity_url_code",
)
ALL_PERMISSIONS = str(2**53 - 1)
CHANNEL_FIELDS = (
    "topic",
    "nsfw",
    "position",
    "parent_id",
    "rate_limit_per_user",
    "bitrate",
    "user_limit",
    "rtc_region",
)
THREAD_FIELDS = ("archived", "locked", "auto_archive_duration", "invitable")


def me(data: Data, asked: Asked) -> Answer:  # noqa: ARG001 (called as its peers are)
    own = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None, "premium_type": 0}
    return 200, data.user(BOT_ID) | own


def application(data: Data, asked: Asked) -> Answer:  # noqa: ARG001 (called as its peers are)
    texts = {"name": "botticelli", "description": "", "summary": "", "verify_key": "", "icon": None, "team": None}
    flags = {"bot_public": True, "bot_require_code_grant": False, "flags": 0, "rpc_origins": []}
    counts = {"approximate_guild_count": len(data.guilds), "approximate_user_install_count": 0, "redirect_uris": []}
    return 200, {"id": BOT_ID, "owner": data.user(BOT_ID)} | texts | flags | counts


def my_guilds(data: Data, asked: Asked) -> Answer:
    """By their ids, after or before the one that is named."""
    after, before = int(asked.query.get("after", 0)), int(asked.query.get("before", 2**63))
    found = [data.guilds[one] for one in sorted(data.guilds, key=int) if after < int(one) < before]
    limit = asked.limit(200, 200)
    fixed: dict[str, Any] = {
        "icon": None,
        "banner": None,
        "owner": True,
        "permissions": ALL_PERMISSIONS,
        "features": [],
    }
    page = found[-limit:] if "before" in asked.query else found[:limit]
    return 200, [{"id": one["id"], "name": one["name"]} | fixed | _counts(asked, one) for one in page]


def _counts(asked: Asked, found: dict[str, Any]) -> dict[str, int]:
    if asked.query.get("with_counts") not in ("true", "1"):
        return {}
    return {"approximate_member_count": len(found["members"]), "approximate_presence_count": 1}


def guild(data: Data, asked: Asked) -> Answer:
    found = data.guild(asked.guild_id)
    inner = ("members", "bans", "events", "invites", "audit", "roles")
    plain = {name: value for name, value in found.items() if name not in inner}
    fixed = {"verification_level": 1, **dict.fromkeys(GUILD_NUMBERS, 0), **dict.fromkeys(GUILD_NOTHING)}
    roles = {"roles": list(found["roles"].values()), "emojis": [], "stickers": [], "features": []}
    fixed |= {
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "max_members": 500_000,
        "max_presences": None,
        "preferred_locale": "en-US",
    }
    return 200, fixed | roles | plain | _counts(asked, found)


def channels(data: Data, asked: Asked) -> Answer:
    data.guild(asked.guild_id)
    mine = [one for one in data.channels.values() if one["guild_id"] == asked.guild_id]
    return 200, [one for one in mine if one["type"] not in (10, 11, 12)]


def get_channel(data: Data, asked: Asked) -> Answer:
    return 200, data.channel(asked.channel_id)


def create_channel(data: Data, asked: Asked) -> Answer:
    name = asked.text("name", 100)
    kind = asked.body.get("type", 0)
    data.guild(asked.guild_id)
    made = channel(data.new_id(), asked.guild_id, _named(str(name), kind), kind) | asked.only(*CHANNEL_FIELDS)
    data.channels[made["id"]] = made
    asked.note(data, asked.guild_id, 10, made["id"])
    return 201, made


def _named(name: str, kind: int) -> str:
    return "-".join(name.lower().split()) if kind in NAMED_LOOSELY else name


def edit_channel(data: Data, asked: Asked) -> Answer:
    found = data.channel(asked.channel_id)
    if "name" in asked.body:
        found["name"] = _named(str(asked.text("name", 100)), found["type"])
    if "thread_metadata" in found:
        found["thread_metadata"] |= asked.only(*THREAD_FIELDS)
    else:
        found |= asked.only(*CHANNEL_FIELDS)
    asked.note(data, found["guild_id"], 11, found["id"])
    return 200, found


def delete_channel(data: Data, asked: Asked) -> Answer:
    found = data.channel(asked.channel_id)
    for identity in [one["id"] for one in data.channels.values() if one.get("parent_id") == found["id"]]:
        if data.channels[identity]["type"] in (10, 11, 12):
            del data.channels[identity]
    del data.channels[found["id"]]
    data.messages.pop(found["id"], None)
    data.forget(found["id"])
    asked.note(data, found["guild_id"], 12, found["id"])
    return 200, found


def create_invite(data: Data, asked: Asked) -> Answer:
    found = data.channel(asked.channel_id)
    options = {"max_age": 86_400, "max_uses": 0, "temporary": False} | asked.only("max_age", "max_uses", "temporary")
    invites = data.guild(found["guild_id"])["invites"]
    for one in invites.values():
        if one["channel"]["id"] == found["id"] and all(one[key] == value for key, value in options.items()):
            return 200, one
    code = f"i{data.new_id()[-8:]}"
    place = {"id": found["id"], "name": found["name"], "type": found["type"]}
    dates = {"uses": 0, "created_at": datetime.now().astimezone().isoformat(), "inviter": data.user(BOT_ID)}
    invites[code] = {"code": code, "type": 0, "channel": place} | dates | options
    return 200, invites[code]


def typing(data: Data, asked: Asked) -> Answer:
    data.channel(asked.channel_id)
    return 204, None


def roles(data: Data, asked: Asked) -> Answer:
    return 200, list(data.guild(asked.guild_id)["roles"].values())


def get_role(data: Data, asked: Asked) -> Answer:
    return 200, data.role(asked.guild_id, asked.role_id)


def _role_fields(asked: Asked) -> dict[str, Any]:
    fields = asked.only("color", "colors", "hoist", "mentionable")
    if "colors" in fields:
        fields["color"] = fields["colors"]["primary_color"]
    elif "color" in fields:
        fields["colors"] = colors(fields["color"])
    if "name" in asked.body:
        fields["name"] = asked.text("name", 100)
    if "permissions" in asked.body:
        fields["permissions"] = str(asked.body["permissions"])
    return fields


def create_role(data: Data, asked: Asked) -> Answer:
    found = data.guild(asked.guild_id)["roles"]
    made = role(data.new_id(), "new role") | {"position": 1} | _role_fields(asked)
    found[made["id"]] = made
    asked.note(data, asked.guild_id, 30, made["id"])
    return 200, made


def edit_role(data: Data, asked: Asked) -> Answer:
    found = data.role(asked.guild_id, asked.role_id)
    found |= _role_fields(asked)
    asked.note(data, asked.guild_id, 31, found["id"])
    return 200, found


def delete_role(data: Data, asked: Asked) -> Answer:
    data.role(asked.guild_id, asked.role_id)
    del data.guild(asked.guild_id)["roles"][asked.role_id]
    data.forget(asked.role_id)
    asked.note(data, asked.guild_id, 32, asked.role_id)
    return 204, None


def members(data: Data, asked: Asked) -> Answer:
    found = data.guild(asked.guild_id)["members"]
    return 200, _page(data, asked, found, 1)


def get_member(data: Data, asked: Asked) -> Answer:
    found = data.member(asked.guild_id, asked.user_id)
    return 200, found | {"user": data.user(asked.user_id)}


def edit_member(data: Data, asked: Asked) -> Answer:
    found = data.member(asked.guild_id, asked.user_id)
    found |= asked.only("nick", "mute", "deaf", "roles", "communication_disabled_until")
    asked.note(data, asked.guild_id, 24, asked.user_id)
    return 200, found | {"user": data.user(asked.user_id)}


def kick(data: Data, asked: Asked) -> Answer:
    data.member(asked.guild_id, asked.user_id)
    del data.guild(asked.guild_id)["members"][asked.user_id]
    data.forget(asked.user_id)
    asked.note(data, asked.guild_id, 20, asked.user_id)
    return 204, None


def assign_role(data: Data, asked: Asked) -> Answer:
    data.role(asked.guild_id, asked.role_id)
    held = data.member(asked.guild_id, asked.user_id)["roles"]
    if asked.role_id not in held:
        held.append(asked.role_id)
    return 204, None


def remove_role(data: Data, asked: Asked) -> Answer:
    held = data.member(asked.guild_id, asked.user_id)["roles"]
    if asked.role_id in held:
        held.remove(asked.role_id)
    return 204, None


def ban(data: Data, asked: Asked) -> Answer:
    data.user(asked.user_id)
    found = data.guild(asked.guild_id)
    found["bans"][asked.user_id] = {"reason": asked.reason}
    found["members"].pop(asked.user_id, None)
    asked.note(data, asked.guild_id, 22, asked.user_id)
    return 204, None


def unban(data: Data, asked: Asked) -> Answer:
    if data.guild(asked.guild_id)["bans"].pop(asked.user_id, None) is None and not data.lenient:
        raise unknown("ban")
    asked.note(data, asked.guild_id, 23, asked.user_id)
    return 204, None


def bans(data: Data, asked: Asked) -> Answer:
    found = data.guild(asked.guild_id)["bans"]
    return 200, _page(data, asked, found, 1000)


def _page(data: Data, asked: Asked, found: dict[str, Any], default: int) -> list[dict[str, Any]]:
    """By user, after the one that is named."""
    after = int(asked.query.get("after", 0))
    later = [one | {"user": data.user(who)} for who, one in sorted(found.items()) if int(who) > after]
    return later[: asked.limit(default, 1000)]


def _event_fields(asked: Asked) -> dict[str, Any]:
    names = ("name", "description", "scheduled_start_time", "scheduled_end_time", "entity_type", "entity_metadata")
    return asked.only(*names, "channel_id", "privacy_level", "status")


def create_event(data: Data, asked: Asked) -> Answer:
    asked.text("name", 100)
    if asked.body.get("entity_type") == 3 and not asked.body.get("scheduled_end_time"):
        raise invalid("scheduled_end_time", "This field is required")
    for name in ("scheduled_start_time", "privacy_level", "entity_type"):
        if name not in asked.body:
            raise invalid(name, "This field is required")
    fixed = {"id": data.new_id(), "guild_id": asked.guild_id, "status": 1, "creator_id": BOT_ID, "user_count": 0}
    empty = {"description": None, "scheduled_end_time": None, "entity_metadata": None, "channel_id": None}
    made: dict[str, Any] = fixed | empty | {"entity_id": None} | _event_fields(asked)
    data.guild(asked.guild_id)["events"][made["id"]] = made
    asked.note(data, asked.guild_id, 100, made["id"])
    return 200, made


def _event(data: Data, asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] | None = data.guild(asked.guild_id)["events"].get(asked.event_id)
    if found is None:
        raise unknown("event")
    return found


def edit_event(data: Data, asked: Asked) -> Answer:
    found = _event(data, asked)
    found |= _event_fields(asked)
    asked.note(data, asked.guild_id, 101, found["id"])
    return 200, found


def delete_event(data: Data, asked: Asked) -> Answer:
    del data.guild(asked.guild_id)["events"][_event(data, asked)["id"]]
    asked.note(data, asked.guild_id, 102, asked.event_id)
    return 204, None


def _inner(name: str) -> Callable[[Data, Asked], Answer]:
    return lambda data, asked: (200, list(data.guild(asked.guild_id)[name].values()))


def _none(data: Data, asked: Asked) -> Answer:
    data.guild(asked.guild_id)
    return 200, []


def audit_logs(data: Data, asked: Asked) -> Answer:
    wanted = asked.query.get("action_type")
    before = int(asked.query.get("before", 2**63))
    audit = [one for one in data.guild(asked.guild_id)["audit"] if int(one["id"]) < before]
    entries = [one for one in audit if wanted in (None, str(one["action_type"]))]
    empty = ("users", "webhooks", "integrations", "threads", "guild_scheduled_events", "application_commands")
    return 200, {"audit_log_entries": entries[: asked.limit(50)]} | {
        name: [] for name in (*empty, "auto_moderation_rules")
    }


GUILD, CHANNEL = "/guilds/{guild_id}", "/channels/{channel_id}"
ROUTES: dict[str, Callable[[Data, Asked], Answer]] = {
    "GET /users/@me": me,
    "GET /users/@me/guilds": my_guilds,
    "GET /oauth2/applications/@me": application,
    f"GET {GUILD}": guild,
    f"GET {GUILD}/channels": channels,
    f"POST {GUILD}/channels": create_channel,
    f"GET {CHANNEL}": get_channel,
    f"PATCH {CHANNEL}": edit_channel,
    f"DELETE {CHANNEL}": delete_channel,
    f"POST {CHANNEL}/invites": create_invite,
    f"POST {CHANNEL}/typing": typing,
    f"GET {GUILD}/roles": roles,
    f"POST {GUILD}/roles": create_role,
    f"GET {GUILD}/roles/{{role_id}}": get_role,
    f"PATCH {GUILD}/roles/{{role_id}}": edit_role,
    f"DELETE {GUILD}/roles/{{role_id}}": delete_role,
    f"GET {GUILD}/members": members,
    f"GET {GUILD}/members/{{user_id}}": get_member,
    f"PATCH {GUILD}/members/{{user_id}}": edit_member,
    f"DELETE {GUILD}/members/{{user_id}}": kick,
    f"PUT {GUILD}/members/{{user_id}}/roles/{{role_id}}": assign_role,
    f"DELETE {GUILD}/members/{{user_id}}/roles/{{role_id}}": remove_role,
    f"GET {GUILD}/bans": bans,
    f"PUT {GUILD}/bans/{{user_id}}": ban,
    f"DELETE {GUILD}/bans/{{user_id}}": unban,
    f"GET {GUILD}/scheduled-events": _inner("events"),
    f"POST {GUILD}/scheduled-events": create_event,
    f"GET {GUILD}/scheduled-events/{{event_id}}": lambda data, asked: (200, _event(data, asked)),
    f"PATCH {GUILD}/scheduled-events/{{event_id}}": edit_event,
    f"DELETE {GUILD}/scheduled-events/{{event_id}}": delete_event,
    f"GET {GUILD}/invites": _inner("invites"),
    f"GET {GUILD}/audit-logs": audit_logs,
    **{f"GET {GUILD}/{one}": _none for one in ("emojis", "stickers", "webhooks", "integrations", "regions")},
}
