"""Platforms: who performs bot commands, behind one small protocol. Knows nothing of runs or Postgres."""

from botticelli.platforms.arguments import TEMPLATED, Checked, check_arguments
from botticelli.platforms.protocol import (
    UNKNOWN,
    Announced,
    Arg,
    Catalogued,
    CommandOutput,
    CommandSpec,
    Place,
    Platform,
    Resolves,
    Settled,
    Unknown,
    Verifies,
)
from botticelli.platforms.registry import Platforms

__all__ = [
    "TEMPLATED",
    "UNKNOWN",
    "Announced",
    "Arg",
    "Catalogued",
    "Checked",
    "CommandOutput",
    "CommandSpec",
    "Place",
    "Platform",
    "Platforms",
    "Resolves",
    "Settled",
    "Unknown",
    "Verifies",
    "check_arguments",
]
