"""The rules that hold for an act: those of the operator, of the way the narrative came, and its own. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botticelli.narrative.model import Act, BotCommandInput, Narrative
from botticelli.platforms import CommandSpec, PlaceKind, Platform
from botticelli.platforms.database import DATABASE
from botticelli.security.policy import PLACES, Call, Rules
from botticelli.settings.definitions import SecuritySettings

AS_TEXT = "text"
"""The source of a narrative that arrived as text: nobody vouches for it."""
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
    """Collect the rules that hold for a run.

    All of them hold: of this process, of those that the run was enqueued with, and of the narrative. A narrative from a
    file says itself which commands it may perform, else the settings do; text from anybody can only give up something.
    """
    own = _of_narrative(narrative, act, command)
    says_itself = source != AS_TEXT and any(one.allowed is not None for one in own)
    rules = [*_of_settings(settings, OPERATOR, source, says_itself=says_itself)]
    for other in enqueued:
        if other != settings:
            rules += _of_settings(other, ENQUEUER, source, says_itself=says_itself)
    return (*rules, *own)


def _of_settings(settings: SecuritySettings, origin: str, source: str, *, says_itself: bool) -> Iterator[Rules]:
    yield Rules(
        origin,
        allowed=settings.allowed_commands,
        denied=settings.denied_commands,
        confirm=settings.require_confirmation,
        guild_ids=settings.guild_ids,
        channel_prefix=settings.channel_prefix,
        channel_ids=settings.channel_ids,
    )
    if source == AS_TEXT:
        yield Rules("[security] wire_policy for a narrative sent as text", default=settings.wire_policy)
    elif not says_itself:
        yield Rules(origin.replace("]", "] default_policy"), default=settings.default_policy)


def call_of(platform: Platform, name: str, spec: CommandSpec, args: Mapping[str, Any]) -> Call:
    """A command as the rules see it. `name` is what narratives call the platform."""
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
    """What the command says of its arguments; of those of which it says nothing, their names."""
    said = {name: arg.place for name, arg in (spec.args or {}).items() if arg.place is not None}
    return {**PLACES, **said}


def _of_narrative(narrative: Narrative, act: Act, command: BotCommandInput) -> tuple[Rules, ...]:
    return tuple(
        Rules(
            "[security] of the narrative" if one is not command.policy else "the policy of its bot",
            allowed=one.allowed_commands,
            confirm=one.require_confirmation,
            guild_ids=None if one.guild_id is None else (one.guild_id,),
            channel_prefix=one.channel_prefix,
            channel_ids=one.channel_ids,
        )
        for one in narrative.securities_for(act, command)
    )
