"""Platforms: who performs bot commands, behind one small protocol. Knows nothing of runs or Postgres."""

from botticelli.platforms.arguments import TEMPLATED, Checked, check_arguments
from botticelli.platforms.protocol import (
    UNKNOWN,
    Arg,
    Catalogued,
    CommandOutput,
    CommandSpec,
    EffectIntent,
    Locates,
    Place,
    PlaceKind,
    Platform,
    Resolves,
    Restricts,
    Settled,
    Unknown,
    Verifies,
    Whereabouts,
)
from botticelli.platforms.rate_limits import Pace, Paced, Pacing, Wait
from botticelli.platforms.registry import KNOWN as KNOWN_PLATFORMS
from botticelli.platforms.registry import Platforms
from botticelli.platforms.unknown_commands import name_fits, unknown_commands

__all__ = [
    "KNOWN_PLATFORMS",
    "TEMPLATED",
    "UNKNOWN",
    "Arg",
    "Catalogued",
    "Checked",
    "CommandOutput",
    "CommandSpec",
    "EffectIntent",
    "Locates",
    "Pace",
    "Paced",
    "Pacing",
    "Place",
    "PlaceKind",
    "Platform",
    "Platforms",
    "Resolves",
    "Restricts",
    "Settled",
    "Unknown",
    "Verifies",
    "Wait",
    "Whereabouts",
    "check_arguments",
    "name_fits",
    "unknown_commands",
]
