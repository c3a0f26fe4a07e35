"""Forecasts which writing bot commands of a narrative would be performed, and how often. Performs none."""

from __future__ import annotations

from dataclasses import dataclass

from botticelli.carousel.checks.command_checks import commands_of, platform_of
from botticelli.carousel.plan.estimates import turns
from botticelli.narrative.model import Narrative
from botticelli.runtime.process import Runtime


@dataclass(frozen=True, slots=True)
class Effect:
    """A writing command, performed `times` in all, or less with `may_be_skipped`. If rehearsed, it changes nothing outside."""

    act: str
    platform: str
    command: str
    times: int
    may_be_skipped: bool
    is_rehearsed: bool


def effects_of(
    runtime: Runtime, narrative: Narrative, iterations: int, *, rehearse: bool = False
) -> tuple[Effect, ...]:
    """Return the effects of so many iterations, in order. Raises InvalidInput for a missing platform."""
    result = []
    positions = {id(act): position for position, act in enumerate(narrative.acts)}
    for act, command in commands_of(narrative):
        position = positions[id(act)]
        platform = platform_of(runtime, command, rehearse=rehearse)
        spec = platform.spec(command.command)
        if spec is not None and spec.writes:
            times, may_be_skipped = iterations * turns(act), narrative.may_skip(position)
            result.append(
                Effect(
                    act.name,
                    command.platform,
                    command.command,
                    times,
                    may_be_skipped,
                    rehearse or platform.is_rehearsal,
                )
            )
    return tuple(result)
