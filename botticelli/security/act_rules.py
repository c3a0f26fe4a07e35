"""Collects the rules that apply to the commands of an act: the operator's, the enqueuer's and the narrative's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botticelli.narrative.model import Act, BotCommandInput, Narrative
from botticelli.platforms import CommandSpec, PlaceKind, Platform
from botticelli.platforms.database import DATABASE
from botticelli.security.policy import PLACES, Call, Rules
from botticelli.settings.definitions import SecuritySettings

SENT_AS_TEXT = "text"
"""The source of a narrative that was sent as text, which is untrusted."""
OPERATOR = "[security] of the settings"
ENQUEUER = "[security] of the settings that it was enqueued with"


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
