"""Platforms: who performs bot commands, behind one small protocol. Knows nothing of runs or Postgres."""

from botticelli.platforms.protocol import CommandOutput, CommandSpec, Platform
from botticelli.platforms.registry import Platforms

__all__ = ["CommandOutput", "CommandSpec", "Platform", "Platforms"]
