"""Shows what a person has edited of an effect, line by line. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from botticelli.store.runs.effect_rows import Effect


def difference(effect: Effect) -> list[str]:
    """Return what was edited, line by line with `-` and `+`; nothing for an effect that is as it was prepared."""
    if effect.prepared_args is None:
        return []
    names = list(dict.fromkeys([*effect.prepared_args, *effect.args]))
    return [
        line for name in names for line in _of_argument(name, effect.prepared_args.get(name), effect.args.get(name))
    ]


def _of_argument(name: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    for line in difflib.ndiff(_lines(name, before), _lines(name, after)):
        if not line.startswith("? "):
            yield line


def _lines(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return [f"{name}: {line}" for line in text.splitlines()]
