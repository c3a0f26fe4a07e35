"""The rules that hold for an act: those of the operator, of the way the narrative came, and its own. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.carousel.data_checks import DATABASE
from botticelli.carousel.policy import PLACES, Call, Rules, name_fits
from botticelli.narrative.model import Act, BotCommandInput, Narrative, Security
from botticelli.narrative.suggest import nearest
from botticelli.platforms import KNOWN_PLATFORMS, Catalogued, CommandSpec, PlaceKind, Platform, Platforms
from botticelli.settings.model import SecuritySettings

AS_TEXT = "text"
"""The source of a narrative that arrived as text: nobody vouches for it."""
OPERATOR = "[security] of the settings"
GLOB_KEYS = ("allowed_commands", "denied_commands", "require_confirmation")
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


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A name or a glob of a policy that fits no command of the platforms: `key` and `index` say where, `do` what to write."""

    key: str
    index: int
    glob: str
    do: str

    @property
    def what(self) -> str:
        return f"security.{self.key}: no platform here has a command {self.glob}"


def unknown_commands(
    platforms: Platforms, names: Iterable[str], security: SecuritySettings | Security
) -> Iterator[UnknownCommand]:
    """What a policy lists and no platform has: a misspelt command would neither be allowed, denied nor confirmed.

    `names` are the platforms that the settings have beside the known ones.
    """
    names = tuple(dict.fromkeys((*KNOWN_PLATFORMS, DATABASE, *names)))
    for key in GLOB_KEYS:
        globs = getattr(security, key, ())
        for index, glob in enumerate(globs if isinstance(globs, tuple) else ()):
            if not _may_fit(platforms, names, glob):
                yield UnknownCommand(key, index, glob, _nearest_command(platforms, names, glob))


def _may_fit(platforms: Platforms, names: Iterable[str], glob: str) -> bool:
    """A platform without a catalogue may have any command; one that no setting has is meant only where it is named."""
    for name in names:
        platform, bare = platforms.get(name), glob.removeprefix(f"{name}.")
        if isinstance(platform, Catalogued):
            if any(name_fits(glob, name, command) for command in platform.commands()):
                return True
        elif "*" in bare or platform.spec(bare) is not None:
            return True
    others = set(platforms.names()) - set(names)
    return "." in glob and glob.partition(".")[0] in others


def _nearest_command(platforms: Platforms, names: Iterable[str], glob: str) -> str:
    catalogued = [(name, platform) for name in names if isinstance(platform := platforms.get(name), Catalogued)]
    bare = next((glob.removeprefix(f"{name}.") for name, _ in catalogued if glob.startswith(f"{name}.")), glob)
    noun, _, verb = bare.partition(".")
    if verb in ("", "*"):
        commands = [command.partition(".") for _, platform in catalogued for command in platform.commands()]
        nouns = {first: f"{first}.*" if dot else first for first, dot, _ in commands}
        guess = nouns.get(nearest(noun, nouns) or "")
    else:
        guess = next((guess for _, platform in catalogued if (guess := platform.suggestion(bare))), None)
    return f"did you mean {guess}?" if guess else "write noun.verb, such as messages.send, or a glob such as messages.*"


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
