"""Performs bot commands through platforms such as Discord, behind one small protocol. Knows no runs and no Postgres."""

from botticelli.platforms.arguments import TEMPLATED, Checked, check_arguments
from botticelli.platforms.protocol import (
    UNKNOWN,
    Arg,
    Catalogued,
    ChannelLocation,
    CommandOutput,
    CommandSpec,
    Configurable,
    EffectIntent,
    Locates,
    Messages,
    PlaceKind,
    Platform,
    PlatformContext,
    Resolves,
    Restricted,
    Unknown,
    Verifies,
)
from botticelli.platforms.rate_limits import PlatformLimit, RateLimited, RateLimiter, Wait
from botticelli.platforms.registry import KNOWN as SHIPPED_PLATFORMS
from botticelli.platforms.registry import Platforms
from botticelli.platforms.unknown_commands import matches_command, unknown_commands

__all__ = [
    "SHIPPED_PLATFORMS",
    "TEMPLATED",
    "UNKNOWN",
    "Arg",
    "Catalogued",
    "ChannelLocation",
    "Checked",
    "CommandOutput",
    "CommandSpec",
    "Configurable",
    "EffectIntent",
    "Locates",
    "Messages",
    "PlaceKind",
    "Platform",
    "PlatformContext",
    "PlatformLimit",
    "Platforms",
    "RateLimited",
    "RateLimiter",
    "Resolves",
    "Restricted",
    "Unknown",
    "Verifies",
    "Wait",
    "check_arguments",
    "matches_command",
    "unknown_commands",
]
