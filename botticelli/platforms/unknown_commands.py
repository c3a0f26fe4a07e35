"""Finds commands that policies name and no platform has. Allows and denies nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from botticelli.platforms.protocol import Catalogued
from botticelli.platforms.registry import KNOWN, Platforms

DATABASE = "database"
GLOB_KEYS = ("allowed_commands", "denied_commands", "require_confirmation")


def matches_command(glob: str, platform: str, command: str) -> bool:
    return fnmatchcase(command, glob) or fnmatchcase(f"{platform}.{command}", glob)


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """Holds a glob of a policy that matches no command; `key` and `index` locate it, `do` is the remedy."""

    key: str
    index: int
    glob: str
    do: str

    @property
    def lack(self) -> str:
        return f"no platform has a command {self.glob}"

    @property
    def what(self) -> str:
        return f"security.{self.key}: {self.lack}"


def unknown_commands(platforms: Platforms, names: Iterable[str], policy: object) -> Iterator[UnknownCommand]:
    """Yield each command that a policy lists and no platform has; a misspelt one would have no effect.

    `policy` has some of the lists GLOB_KEYS; `names` are platforms of the settings, in addition to the shipped ones.
    """
    names = tuple(dict.fromkeys((*KNOWN, DATABASE, *names)))
    for key in GLOB_KEYS:
        globs = getattr(policy, key, ())
        for index, glob in enumerate(globs if isinstance(globs, tuple) else ()):
            if not _may_fit(platforms, names, glob):
                yield UnknownCommand(key, index, glob, _nearest_command(platforms, names, glob))


def _may_fit(platforms: Platforms, names: Iterable[str], glob: str) -> bool:
    """Return whether any platform may have a matching command.

    A platform without a catalogue may have any command; a platform outside the settings only counts if the glob names it.
    """
    for name in names:
        platform, bare = platforms.get(name), glob.removeprefix(f"{name}.")
        if isinstance(platform, Catalogued):
            if any(matches_command(glob, name, command) for command in platform.commands()):
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
        guess = next((nouns[near] for near in get_close_matches(noun.lower(), nouns, 1)), None)
    else:
        guess = next((guess for _, platform in catalogued if (guess := platform.suggestion(bare))), None)
    return f"did you mean {guess}?" if guess else "write noun.verb, such as messages.send, or a glob such as messages.*"
