"""Whether a command may have its effect. Asked once before each effect, with the arguments as they were rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botticelli.platforms import CommandSpec
from workers.stage import Stage


def permit(stage: Stage, platform: str, spec: CommandSpec, args: Mapping[str, Any]) -> None:
    """Every command of a narrative that was enqueued is permitted. ActFailed where one is not."""
