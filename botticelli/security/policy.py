"""Whether a command may be performed: rules against one command and its arguments. A pure function; asks nobody itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botticelli.platforms import TEMPLATED, PlaceKind, Whereabouts, name_fits

Default = Literal["allow", "deny_writes", "deny"]
Locate = Callable[[str], Whereabouts | None]
"""From the id of a channel or a thread to where it is; None when that can't be told."""
PLACES: Mapping[str, PlaceKind] = {
    "guild_id": "guild",
    "channel_id": "channel",
    "thread_id": "thread",
    "category_id": "channel",
    "parent_id": "channel",
}
"""The arguments that name a place, of commands that don't say it themselves."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one authority says. What it leaves open is not restricted by it; `origin` is for people to read.

    `allowed` and `denied` are globs over `noun.verb` or `platform.noun.verb`. `confirm`: all commands that write, or those
    that fit. `default` is for commands of which no `allowed` speaks.
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
    """A command with its arguments; TEMPLATED ones are judged when they are known.

    `makes` is the kind of what it creates or names. `places` says which arguments name a place. `has_places` is False
    where there are no guilds and no channels, as in a database.
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
        """The arguments that it has and that name such a place."""
        return [key for key in self.args if self.places.get(key) in kinds]


@dataclass(frozen=True, slots=True)
class Allowed:
    pass


@dataclass(frozen=True, slots=True)
class Denied:
    """`key` is what it is about: `command`, or the name of an argument. `do` says what would be allowed."""

    key: str
    reason: str
    do: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.do}"


@dataclass(frozen=True, slots=True)
class NeedsConfirmation:
    """`origin` is who asks for it."""

    origin: str


Verdict = Allowed | Denied | NeedsConfirmation


def judge(rules: Iterable[Rules], call: Call, locate: Locate | None = None) -> Verdict:
    """All rules have to allow it; one of them is enough to want a confirmation, which only commands that write need.

    Without `locate` (before a run exists) the names and guilds of channels are not judged. It is not asked when what is
    written is reason enough to deny.
    """
    rules = tuple(rules)
    for one in (*rules, None):
        denied = _of_place(rules, call, locate) if one is None else _of_command(one, call) or _of_ids(one, call)
        if denied is not None:
            return denied
    for one in rules:
        if call.writes and (one.confirm is True or (one.confirm and _fits(one.confirm, call))):
            return NeedsConfirmation(one.origin)
    return Allowed()


def _of_command(rules: Rules, call: Call) -> Denied | None:
    if rules.denied and _fits(rules.denied, call):
        return _denied(call, f"is denied by {rules.origin}", f"denied are {', '.join(rules.denied)}")
    if rules.allowed is not None and not _fits(rules.allowed, call):
        return _denied(call, f"is not allowed by {rules.origin}", f"allowed are {_listed(rules.allowed)}")
    if rules.default == "deny":
        return _denied(call, f"is not allowed by {rules.origin}", "only what a policy allows is")
    if rules.default == "deny_writes" and call.writes and not call.is_rehearsal:
        return _denied(call, f"changes {call.platform}, which {rules.origin} does not allow", "commands that read are")
    return None


def _of_ids(rules: Rules, call: Call) -> Denied | None:
    """What can be told without asking the platform."""
    if not call.has_places:
        return None
    if rules.guild_ids is not None:
        for key in call.naming("guild"):
            guild = call.args[key]
            if guild is not TEMPLATED and str(guild) not in rules.guild_ids:
                return Denied(key, f"guild {guild} is not allowed by {rules.origin}", _only("guild", rules.guild_ids))
        if call.writes and not call.naming("guild", "channel", "thread"):
            return _denied(call, f"names no guild, and {rules.origin} allows", _only("guild", rules.guild_ids))
    if rules.channel_ids is not None:
        only = _only("channel", rules.channel_ids)
        for key in call.naming("channel"):
            channel = call.args[key]
            if channel is not TEMPLATED and str(channel) not in rules.channel_ids:
                return Denied(key, f"channel {channel} is not allowed by {rules.origin}", only)
        if call.writes and call.makes == "channel" and "channel_id" not in call.args:
            return _denied(call, f"makes a channel, and {rules.origin} allows", only)
    name = call.args.get("name", TEMPLATED)
    if rules.channel_prefix is not None and call.makes == "channel" and call.writes and name is not TEMPLATED:
        return _of_name(rules, "name", name)
    return None


def _of_place(rules: tuple[Rules, ...], call: Call, locate: Locate | None) -> Denied | None:
    """What only the platform can tell: the name of a channel and its guild. For a thread it is the channel that it is in."""
    concerned = [one for one in rules if one.guild_ids is not None or one.channel_prefix is not None or one.channel_ids]
    if locate is None or not call.has_places or not concerned:
        return None
    for key in call.naming("channel", "thread"):
        if call.args[key] is TEMPLATED:
            continue
        wanted = [one for one in concerned if _asks(one, call, key)]
        place = locate(str(call.args[key])) if wanted else None
        denied = next((found for one in wanted if (found := _of_found(one, call, key, place)) is not None), None)
        if denied is not None:
            return denied
    return None


def _asks(rules: Rules, call: Call, key: str) -> bool:
    by_id = rules.channel_ids is not None and call.places[key] == "thread"
    return rules.guild_ids is not None or rules.channel_prefix is not None or by_id


def _of_found(rules: Rules, call: Call, key: str, place: Whereabouts | None) -> Denied | None:
    told = call.args[key]
    if rules.guild_ids is not None and (place is None or place.guild_id not in rules.guild_ids):
        where = f"in guild {place.guild_id}" if place is not None and place.guild_id else "in no guild that can be told"
        return Denied(key, f"{key} {told} is {where}, against {rules.origin}", _only("guild", rules.guild_ids))
    if rules.channel_ids is not None and call.places[key] == "thread":
        here = {str(told), place.channel_id if place else None}
        if not here & set(rules.channel_ids):
            return Denied(key, f"thread {told} is not allowed by {rules.origin}", _only("channel", rules.channel_ids))
    if rules.channel_prefix is not None:
        return _of_name(rules, key, place.channel_name if place else None)
    return None


def _of_name(rules: Rules, key: str, name: Any) -> Denied | None:
    prefix = rules.channel_prefix or ""
    if name is not None and str(name).startswith(prefix):
        return None
    told = "a channel whose name can't be told" if name is None else f"channel {name!r}"
    return Denied(key, f"{told} is not allowed by {rules.origin}", f"only names that begin with {prefix!r} are")


def _denied(call: Call, reason: str, do: str) -> Denied:
    return Denied("command", f"{call.command} {reason}", do)


def _only(kind: str, ids: tuple[str, ...]) -> str:
    return f"only {kind} {_listed(ids)} is"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _fits(globs: tuple[str, ...], call: Call) -> bool:
    return any(name_fits(one, call.platform, call.command) for one in globs)
