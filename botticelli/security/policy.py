"""Decides whether a command may be performed: collects the rules that apply to it, and checks its arguments. Pure.

The rules are the operator's, those of the settings that the run was enqueued with, and the narrative's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botticelli.narrative.model import Act, BotCommandInput, Narrative
from botticelli.platforms import TEMPLATED, ChannelLocation, CommandSpec, PlaceKind, Platform, matches_command
from botticelli.platforms.database import DATABASE
from botticelli.settings.definitions import SecuritySettings

Default = Literal["allow", "deny_writes", "deny"]
Locate = Callable[[str], ChannelLocation | None]
"""Returns where a channel or a thread is, by its id; None when that is unknown."""
PLACES: Mapping[str, PlaceKind] = {
    "guild_id": "guild",
    "channel_id": "channel",
    "thread_id": "thread",
    "category_id": "channel",
    "parent_id": "channel",
}
"""The arguments that name a place, for commands that don't declare theirs."""
SENT_AS_TEXT = "text"
"""The source of a narrative that was sent as text, which is untrusted."""
OPERATOR = "[security] of the settings"
ENQUEUER = "[security] of the settings that it was enqueued with"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one authority, which is named by `origin` in messages. A field that is not set restricts nothing.

    `allowed` and `denied` are globs over `noun.verb` or `platform.noun.verb`. `confirm` is True for all commands that
    write, or globs. `default` applies to commands for which there is no `allowed`.
    """

    origin: str
    allowed: tuple[str, ...] | None = None
    denied: tuple[str, ...] = ()
    default: Default = "allow"
    confirm: bool | tuple[str, ...] = False
    guild_ids: tuple[str, ...] | None = None
    channel_prefix: str | None = None
    channel_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A command with its arguments; TEMPLATED ones are checked later, when they are known.

    `makes` is the kind of what it creates or renames. `places` says which arguments name a place. `has_places` is False
    for a platform without guilds and channels, such as a database.
    """

    platform: str
    command: str
    writes: bool
    args: Mapping[str, Any]
    makes: str | None = None
    has_places: bool = True
    is_rehearsal: bool = False
    places: Mapping[str, PlaceKind] = field(default_factory=lambda: PLACES)

    def naming(self, *kinds: PlaceKind) -> list[str]:
        """Return the arguments of this call that name a place of these kinds."""
        return [key for key in self.args if self.places.get(key) in kinds]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The command may be performed."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The command must not be performed. `key` is `command` or the name of an argument; `do` says what is allowed."""

    key: str
    reason: str
    do: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.do}"


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """The command needs approval, because the rules of `origin` require it."""

    origin: str


Verdict = Allowed | Denied | NeedsApproval


def rules_for(
    settings: SecuritySettings,
    narrative: Narrative,
    act: Act,
    command: BotCommandInput,
    source: str,
    *,
    enqueued: Iterable[SecuritySettings] = (),
) -> tuple[Rules, ...]:
    """Return all rules that apply to a command of an act; each of them must allow it.

    They come from the settings of this process, those that the run was `enqueued` with, and the narrative. The default
    policy of the settings applies unless a narrative file lists its allowed commands. A narrative that was sent as text
    can only restrict itself further.
    """
    own = _narrative_rules(narrative, act, command)
    lists_allowed = source != SENT_AS_TEXT and any(rules.allowed is not None for rules in own)
    collected = [*_settings_rules(settings, OPERATOR, source, lists_allowed=lists_allowed)]
    for other in enqueued:
        if other != settings:
            collected += _settings_rules(other, ENQUEUER, source, lists_allowed=lists_allowed)
    return (*collected, *own)


def _settings_rules(settings: SecuritySettings, origin: str, source: str, *, lists_allowed: bool) -> Iterator[Rules]:
    yield Rules(
        origin,
        allowed=settings.allowed_commands,
        denied=settings.denied_commands,
        confirm=settings.require_confirmation,
        guild_ids=settings.guild_ids,
        channel_prefix=settings.channel_prefix,
        channel_ids=settings.channel_ids,
    )
    if source == SENT_AS_TEXT:
        yield Rules("[security] wire_policy for a narrative sent as text", default=settings.wire_policy)
    elif not lists_allowed:
        yield Rules(origin.replace("]", "] default_policy"), default=settings.default_policy)


def call_of(platform: Platform, name: str, spec: CommandSpec, args: Mapping[str, Any]) -> Call:
    """Return a command as the rules see it. `name` is the platform's name in narratives."""
    return Call(
        name,
        spec.name,
        spec.writes,
        args,
        makes=spec.captures,
        has_places=name != DATABASE,
        is_rehearsal=platform.is_rehearsal,
        places=_places_of(spec),
    )


def _places_of(spec: CommandSpec) -> Mapping[str, PlaceKind]:
    """Return which arguments name a place: as the command declares, else by their names."""
    declared = {name: arg.place for name, arg in (spec.args or {}).items() if arg.place is not None}
    return {**PLACES, **declared}


def _narrative_rules(narrative: Narrative, act: Act, command: BotCommandInput) -> tuple[Rules, ...]:
    return tuple(
        Rules(
            "[security] of the narrative" if security is not command.policy else "the policy of its bot",
            allowed=security.allowed_commands,
            confirm=security.require_confirmation,
            guild_ids=None if security.guild_id is None else (security.guild_id,),
            channel_prefix=security.channel_prefix,
            channel_ids=security.channel_ids,
        )
        for security in narrative.securities_for(act, command)
    )


def judge(rules: Iterable[Rules], call: Call, locate: Locate | None = None) -> Verdict:
    """Decide on a command: all rules must allow it, and any of them can require approval for one that writes.

    Without `locate` (before a run exists) the names and guilds of channels are not checked. It is called only when the
    arguments alone are no reason to deny.
    """
    authorities = tuple(rules)
    for authority in authorities:
        denied = _check_command(authority, call) or _check_ids(authority, call)
        if denied is not None:
            return denied
    denied = _check_places(authorities, call, locate)
    if denied is not None:
        return denied
    for authority in authorities:
        confirm = authority.confirm
        if call.writes and (confirm is True or (confirm and _fits(confirm, call))):
            return NeedsApproval(authority.origin)
    return Allowed()


def _check_command(rules: Rules, call: Call) -> Denied | None:
    if rules.denied and _fits(rules.denied, call):
        return _denied(call, f"is denied by {rules.origin}", f"denied commands: {', '.join(rules.denied)}")
    if rules.allowed is not None and not _fits(rules.allowed, call):
        return _denied(call, f"is not allowed by {rules.origin}", f"allowed commands: {_listed(rules.allowed)}")
    if rules.default == "deny":
        return _denied(call, f"is not allowed by {rules.origin}", "only commands that a policy lists are")
    if rules.default == "deny_writes" and call.writes and not call.is_rehearsal:
        reason = f"changes {call.platform}, which {rules.origin} does not allow"
        return _denied(call, reason, "commands that only read are allowed")
    return None


def _check_ids(rules: Rules, call: Call) -> Denied | None:
    """Check the arguments that can be judged without asking the platform."""
    if not call.has_places:
        return None
    if rules.guild_ids is not None:
        for key in call.naming("guild"):
            guild = call.args[key]
            if guild is not TEMPLATED and str(guild) not in rules.guild_ids:
                return Denied(key, f"guild {guild} is not allowed by {rules.origin}", _only("guild", rules.guild_ids))
        if call.writes and not call.naming("guild", "channel", "thread"):
            reason = f"names no guild, but {rules.origin} restricts guilds"
            return _denied(call, reason, _only("guild", rules.guild_ids))
    if rules.channel_ids is not None:
        only = _only("channel", rules.channel_ids)
        for key in call.naming("channel"):
            channel = call.args[key]
            if channel is not TEMPLATED and str(channel) not in rules.channel_ids:
                return Denied(key, f"channel {channel} is not allowed by {rules.origin}", only)
        if call.writes and call.makes == "channel" and "channel_id" not in call.args:
            return _denied(call, f"creates a channel, but {rules.origin} restricts channels", only)
    name = call.args.get("name", TEMPLATED)
    if rules.channel_prefix is not None and call.makes == "channel" and call.writes and name is not TEMPLATED:
        return _check_channel_name(rules, "name", name)
    return None


def _check_places(authorities: Iterable[Rules], call: Call, locate: Locate | None) -> Denied | None:
    """Check what only the platform knows: the name and guild of a channel, or of the channel that a thread is in."""
    concerned = [rules for rules in authorities if _restricts_places(rules)]
    if locate is None or not call.has_places or not concerned:
        return None
    for key in call.naming("channel", "thread"):
        if call.args[key] is TEMPLATED:
            continue
        deciding = [rules for rules in concerned if _needs_location(rules, call, key)]
        place = locate(str(call.args[key])) if deciding else None
        for rules in deciding:
            denied = _check_location(rules, call, key, place)
            if denied is not None:
                return denied
    return None


def _restricts_places(rules: Rules) -> bool:
    return rules.guild_ids is not None or rules.channel_prefix is not None or bool(rules.channel_ids)


def _needs_location(rules: Rules, call: Call, key: str) -> bool:
    by_id = rules.channel_ids is not None and call.places[key] == "thread"
    return rules.guild_ids is not None or rules.channel_prefix is not None or by_id


def _check_location(rules: Rules, call: Call, key: str, place: ChannelLocation | None) -> Denied | None:
    """Check the place that an argument names. It is denied when where it is can't be known."""
    value = call.args[key]
    if rules.guild_ids is not None and (place is None or place.guild_id not in rules.guild_ids):
        guild = f"guild {place.guild_id}" if place is not None and place.guild_id else "an unknown guild"
        reason = f"{key} {value} is in {guild}, which {rules.origin} does not allow"
        return Denied(key, reason, _only("guild", rules.guild_ids))
    if rules.channel_ids is not None and call.places[key] == "thread":
        ids = {str(value), place.channel_id if place else None}
        if not ids & set(rules.channel_ids):
            return Denied(key, f"thread {value} is not allowed by {rules.origin}", _only("channel", rules.channel_ids))
    if rules.channel_prefix is not None:
        return _check_channel_name(rules, key, place.channel_name if place else None)
    return None


def _check_channel_name(rules: Rules, key: str, name: Any) -> Denied | None:
    prefix = rules.channel_prefix or ""
    if name is not None and str(name).startswith(prefix):
        return None
    channel = "a channel with an unknown name" if name is None else f"channel {name!r}"
    return Denied(key, f"{channel} is not allowed by {rules.origin}", f"names must begin with {prefix!r}")


def _denied(call: Call, reason: str, do: str) -> Denied:
    return Denied("command", f"{call.command} {reason}", do)


def _only(kind: str, ids: tuple[str, ...]) -> str:
    return f"allowed {kind}s: {_listed(ids)}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _fits(globs: tuple[str, ...], call: Call) -> bool:
    return any(matches_command(glob, call.platform, call.command) for glob in globs)
