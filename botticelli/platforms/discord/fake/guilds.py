"""Answers requests about guilds, channels, roles, members, events and audit logs of the fake Discord."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botticelli.platforms.discord.commands.guild_commands import NAMED_LOOSELY
from botticelli.platforms.discord.fake.guild_data import BOT_ID, Data, channel, colors, invalid, role, unknown
from botticelli.platforms.discord.fake.request import Request

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


def me(data: Data, request: Request) -> Answer:  # noqa: ARG001 (called as its peers are)
    own = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None, "premium_type": 0}
    return 200, data.user(BOT_ID) | own


def application(data: Data, request: Request) -> Answer:  # noqa: ARG001 (called as its peers are)
    texts = {"name": "botticelli", "description": "", "summary": "", "verify_key": "", "icon": None, "team": None}
    flags = {"bot_public": True, "bot_require_code_grant": False, "flags": 0, "rpc_origins": []}
    counts = {"approximate_guild_count": len(data.guilds), "approximate_user_install_count": 0, "redirect_uris": []}
    return 200, {"id": BOT_ID, "owner": data.user(BOT_ID)} | texts | flags | counts


def my_guilds(data: Data, request: Request) -> Answer:
    """List guilds by id, after or before the given one."""
    after, before = int(request.query.get("after", 0)), int(request.query.get("before", 2**63))
    guilds = [data.guilds[identity] for identity in sorted(data.guilds, key=int) if after < int(identity) < before]
    limit = request.limit(200, 200)
    fixed: dict[str, Any] = {
        "icon": None,
        "banner": None,
        "owner": True,
        "permissions": ALL_PERMISSIONS,
        "features": [],
    }
    page = guilds[-limit:] if "before" in request.query else guilds[:limit]
    return 200, [
        {"id": identity["id"], "name": identity["name"]} | fixed | _counts(request, identity) for identity in page
    ]


def _counts(request: Request, guild_: dict[str, Any]) -> dict[str, int]:
    if request.query.get("with_counts") not in ("true", "1"):
        return {}
    return {"approximate_member_count": len(guild_["members"]), "approximate_presence_count": 1}


def guild(data: Data, request: Request) -> Answer:
    guild_ = data.guild(request.guild_id)
    inner = ("members", "bans", "events", "invites", "audit", "roles")
    plain = {name: value for name, value in guild_.items() if name not in inner}
    fixed = {"verification_level": 1, **dict.fromkeys(GUILD_NUMBERS, 0), **dict.fromkeys(GUILD_NOTHING)}
    roles = {"roles": list(guild_["roles"].values()), "emojis": [], "stickers": [], "features": []}
    fixed |= {
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "max_members": 500_000,
        "max_presences": None,
        "preferred_locale": "en-US",
    }
    return 200, fixed | roles | plain | _counts(request, guild_)


def channels(data: Data, request: Request) -> Answer:
    data.guild(request.guild_id)
    mine = [channel_ for channel_ in data.channels.values() if channel_["guild_id"] == request.guild_id]
    return 200, [channel_ for channel_ in mine if channel_["type"] not in (10, 11, 12)]


def get_channel(data: Data, request: Request) -> Answer:
    return 200, data.channel(request.channel_id)


def create_channel(data: Data, request: Request) -> Answer:
    name = request.text("name", 100)
    kind = request.body.get("type", 0)
    data.guild(request.guild_id)
    made = channel(data.new_id(), request.guild_id, _named(str(name), kind), kind) | request.only(*CHANNEL_FIELDS)
    data.channels[made["id"]] = made
    request.note(data, request.guild_id, 10, made["id"])
    return 201, made


def _named(name: str, kind: int) -> str:
    return "-".join(name.lower().split()) if kind in NAMED_LOOSELY else name


def edit_channel(data: Data, request: Request) -> Answer:
    channel_ = data.channel(request.channel_id)
    if "name" in request.body:
        channel_["name"] = _named(str(request.text("name", 100)), channel_["type"])
    if "thread_metadata" in channel_:
        channel_["thread_metadata"] |= request.only(*THREAD_FIELDS)
    else:
        channel_ |= request.only(*CHANNEL_FIELDS)
    request.note(data, channel_["guild_id"], 11, channel_["id"])
    return 200, channel_


def delete_channel(data: Data, request: Request) -> Answer:
    channel_ = data.channel(request.channel_id)
    for identity in [item["id"] for item in data.channels.values() if item.get("parent_id") == channel_["id"]]:
        if data.channels[identity]["type"] in (10, 11, 12):
            del data.channels[identity]
    del data.channels[channel_["id"]]
    data.messages.pop(channel_["id"], None)
    data.forget(channel_["id"])
    request.note(data, channel_["guild_id"], 12, channel_["id"])
    return 200, channel_


def create_invite(data: Data, request: Request) -> Answer:
    channel_ = data.channel(request.channel_id)
    options = {"max_age": 86_400, "max_uses": 0, "temporary": False} | request.only("max_age", "max_uses", "temporary")
    invites = data.guild(channel_["guild_id"])["invites"]
    for invite in invites.values():
        if invite["channel"]["id"] == channel_["id"] and all(invite[key] == value for key, value in options.items()):
            return 200, invite
    code = f"i{data.new_id()[-8:]}"
    place = {"id": channel_["id"], "name": channel_["name"], "type": channel_["type"]}
    dates = {"uses": 0, "created_at": datetime.now().astimezone().isoformat(), "inviter": data.user(BOT_ID)}
    invites[code] = {"code": code, "type": 0, "channel": place} | dates | options
    return 200, invites[code]


def typing(data: Data, request: Request) -> Answer:
    data.channel(request.channel_id)
    return 204, None


def roles(data: Data, request: Request) -> Answer:
    return 200, list(data.guild(request.guild_id)["roles"].values())


def get_role(data: Data, request: Request) -> Answer:
    return 200, data.role(request.guild_id, request.role_id)


def _role_fields(request: Request) -> dict[str, Any]:
    fields = request.only("color", "colors", "hoist", "mentionable")
    if "colors" in fields:
        fields["color"] = fields["colors"]["primary_color"]
    elif "color" in fields:
        fields["colors"] = colors(fields["color"])
    if "name" in request.body:
        fields["name"] = request.text("name", 100)
    if "permissions" in request.body:
        fields["permissions"] = str(request.body["permissions"])
    return fields


def create_role(data: Data, request: Request) -> Answer:
    roles_ = data.guild(request.guild_id)["roles"]
    made = role(data.new_id(), "new role") | {"position": 1} | _role_fields(request)
    roles_[made["id"]] = made
    request.note(data, request.guild_id, 30, made["id"])
    return 200, made


def edit_role(data: Data, request: Request) -> Answer:
    role_ = data.role(request.guild_id, request.role_id)
    role_ |= _role_fields(request)
    request.note(data, request.guild_id, 31, role_["id"])
    return 200, role_


def delete_role(data: Data, request: Request) -> Answer:
    data.role(request.guild_id, request.role_id)
    del data.guild(request.guild_id)["roles"][request.role_id]
    data.forget(request.role_id)
    request.note(data, request.guild_id, 32, request.role_id)
    return 204, None


def members(data: Data, request: Request) -> Answer:
    members_ = data.guild(request.guild_id)["members"]
    return 200, _page(data, request, members_, 1)


def get_member(data: Data, request: Request) -> Answer:
    member = data.member(request.guild_id, request.user_id)
    return 200, member | {"user": data.user(request.user_id)}


def edit_member(data: Data, request: Request) -> Answer:
    member = data.member(request.guild_id, request.user_id)
    member |= request.only("nick", "mute", "deaf", "roles", "communication_disabled_until")
    request.note(data, request.guild_id, 24, request.user_id)
    return 200, member | {"user": data.user(request.user_id)}


def kick(data: Data, request: Request) -> Answer:
    data.member(request.guild_id, request.user_id)
    del data.guild(request.guild_id)["members"][request.user_id]
    data.forget(request.user_id)
    request.note(data, request.guild_id, 20, request.user_id)
    return 204, None


def assign_role(data: Data, request: Request) -> Answer:
    data.role(request.guild_id, request.role_id)
    held = data.member(request.guild_id, request.user_id)["roles"]
    if request.role_id not in held:
        held.append(request.role_id)
    return 204, None


def remove_role(data: Data, request: Request) -> Answer:
    held = data.member(request.guild_id, request.user_id)["roles"]
    if request.role_id in held:
        held.remove(request.role_id)
    return 204, None


def ban(data: Data, request: Request) -> Answer:
    data.user(request.user_id)
    guild_ = data.guild(request.guild_id)
    guild_["bans"][request.user_id] = {"reason": request.reason}
    guild_["members"].pop(request.user_id, None)
    request.note(data, request.guild_id, 22, request.user_id)
    return 204, None


def unban(data: Data, request: Request) -> Answer:
    if data.guild(request.guild_id)["bans"].pop(request.user_id, None) is None and not data.lenient:
        raise unknown("ban")
    request.note(data, request.guild_id, 23, request.user_id)
    return 204, None


def bans(data: Data, request: Request) -> Answer:
    bans_ = data.guild(request.guild_id)["bans"]
    return 200, _page(data, request, bans_, 1000)


def _page(data: Data, request: Request, entries: dict[str, Any], default: int) -> list[dict[str, Any]]:
    """Return a page of entries by user id, after the given one."""
    after = int(request.query.get("after", 0))
    later = [entry | {"user": data.user(who)} for who, entry in sorted(entries.items()) if int(who) > after]
    return later[: request.limit(default, 1000)]


def _event_fields(request: Request) -> dict[str, Any]:
    names = ("name", "description", "scheduled_start_time", "scheduled_end_time", "entity_type", "entity_metadata")
    return request.only(*names, "channel_id", "privacy_level", "status")


def create_event(data: Data, request: Request) -> Answer:
    request.text("name", 100)
    if request.body.get("entity_type") == 3 and not request.body.get("scheduled_end_time"):
        raise invalid("scheduled_end_time", "This field is required")
    for name in ("scheduled_start_time", "privacy_level", "entity_type"):
        if name not in request.body:
            raise invalid(name, "This field is required")
    fixed = {"id": data.new_id(), "guild_id": request.guild_id, "status": 1, "creator_id": BOT_ID, "user_count": 0}
    empty = {"description": None, "scheduled_end_time": None, "entity_metadata": None, "channel_id": None}
    made: dict[str, Any] = fixed | empty | {"entity_id": None} | _event_fields(request)
    data.guild(request.guild_id)["events"][made["id"]] = made
    request.note(data, request.guild_id, 100, made["id"])
    return 200, made


def _event(data: Data, request: Request) -> dict[str, Any]:
    event: dict[str, Any] | None = data.guild(request.guild_id)["events"].get(request.event_id)
    if event is None:
        raise unknown("event")
    return event


def edit_event(data: Data, request: Request) -> Answer:
    event = _event(data, request)
    event |= _event_fields(request)
    request.note(data, request.guild_id, 101, event["id"])
    return 200, event


def delete_event(data: Data, request: Request) -> Answer:
    del data.guild(request.guild_id)["events"][_event(data, request)["id"]]
    request.note(data, request.guild_id, 102, request.event_id)
    return 204, None


def _inner(name: str) -> Callable[[Data, Request], Answer]:
    return lambda data, item: (200, list(data.guild(item.guild_id)[name].values()))


def _none(data: Data, request: Request) -> Answer:
    data.guild(request.guild_id)
    return 200, []


def audit_logs(data: Data, request: Request) -> Answer:
    action_type = request.query.get("action_type")
    before = int(request.query.get("before", 2**63))
    audit = [entry for entry in data.guild(request.guild_id)["audit"] if int(entry["id"]) < before]
    entries = [entry for entry in audit if action_type in (None, str(entry["action_type"]))]
    empty = ("users", "webhooks", "integrations", "threads", "guild_scheduled_events", "application_commands")
    return 200, {"audit_log_entries": entries[: request.limit(50)]} | {
        name: [] for name in (*empty, "auto_moderation_rules")
    }


GUILD, CHANNEL = "/guilds/{guild_id}", "/channels/{channel_id}"
ROUTES: dict[str, Callable[[Data, Request], Answer]] = {
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
    f"GET {GUILD}/scheduled-events/{{event_id}}": lambda data, item: (200, _event(data, item)),
    f"PATCH {GUILD}/scheduled-events/{{event_id}}": edit_event,
    f"DELETE {GUILD}/scheduled-events/{{event_id}}": delete_event,
    f"GET {GUILD}/invites": _inner("invites"),
    f"GET {GUILD}/audit-logs": audit_logs,
    **{f"GET {GUILD}/{item}": _none for item in ("emojis", "stickers", "webhooks", "integrations", "regions")},
}
