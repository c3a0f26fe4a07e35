"""Words the advice of the engine, which names options of the command line, by the fields of requests."""

from __future__ import annotations

import re

FIELDS = {
    "--act": "act",
    "--allow-effects": "allow_effects",
    "--call-seconds": "call_seconds",
    "--columns": "columns",
    "--format": "format",
    "--iteration": "iteration",
    "--name": "name",
    "--rehearse": "rehearse",
    "--rows": "rows",
    "--set": "changes",
    "--skip-bad": "skip_bad",
    "--target": "target",
    "--tier": "tiers",
    "--to": "end",
}
"""The field of a request that does what an option of a command does."""
COMMAND = re.compile(r"(`[^`]*`)")
VARIABLE = re.compile(r"--var (\S+?)=VALUE")
OPTION = re.compile(r"(?<![\w-])(--[a-z]+(?:-[a-z]+)*)(?: FILE)?(?![\w-])")


def in_fields(text: str) -> str:
    """Return a message with fields for options. Commands in backquotes stay: they are run elsewhere."""
    parts = COMMAND.split(text)
    return "".join(part if part.startswith("`") else _worded(part) for part in parts)


def _worded(text: str) -> str:
    named = VARIABLE.sub(r"variables.\1", text)
    return OPTION.sub(lambda match: FIELDS.get(match[1]) or match[0], named)
