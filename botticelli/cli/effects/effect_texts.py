"""Formats an effect with all its arguments; texts that await approval are never cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botticelli.cli.base.formatting import moment, safe

if TYPE_CHECKING:
    from botticelli.store import Effect

ID_CHARACTERS = 12


def effect_lines(effect: Effect) -> list[str]:
    """Return lines for an effect: id, command, iteration and act, then each argument in full.

    A `WaitingEffect` shows the narrative of its run, and whether it is a rehearsal.
    """
    from botticelli.store import WaitingEffect

    narrative = f" of {safe(effect.narrative)}" if isinstance(effect, WaitingEffect) else ""
    rehearsal = ", rehearsed" if isinstance(effect, WaitingEffect) and effect.rehearse else ""
    place = f"iteration {effect.number:,}, act {safe(effect.act)}, run {safe(effect.run_id)}"
    until = f"; waits until {moment(effect.expires_at)}" if effect.status == "waiting" else ""
    head = f"{effect.key[:ID_CHARACTERS]}  {safe(effect.platform)} {safe(effect.command)}{narrative}{rehearsal}"
    return [head, f"  {place}{until}", *_argument_lines(effect.args)]


def _argument_lines(args: Mapping[str, Any]) -> Iterator[str]:
    for name, value in args.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines = [safe(line, keep="\t") for line in text.splitlines()] or [""]
        if len(lines) == 1:
            yield f"  {safe(name)}: {lines[0]}"
        else:
            yield f"  {safe(name)}:"
            yield from (f"    {line}" for line in lines)
