"""Narratives: TOML text in, a checked model out. No network, no database, no clock, no environment of its own.

Names are loaded when they are first asked for, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botticelli.narrative.conditions import holds
    from botticelli.narrative.environment import Environment
    from botticelli.narrative.formats import fault_of_content, mime_of_content, usual_mime
    from botticelli.narrative.inventory import guilds_of, missing_variables, references
    from botticelli.narrative.load import Loaded, load_all, load_narrative, parse_all, parse_narrative
    from botticelli.narrative.lookup import json_or_text, look_up, parse_json
    from botticelli.narrative.model import Narrative
    from botticelli.narrative.order import visible
    from botticelli.narrative.templates import as_text, parse_template, render, render_text, render_value

_HOMES = {
    "Environment": "environment",
    "Loaded": "load",
    "Narrative": "model",
    "as_text": "templates",
    "fault_of_content": "formats",
    "guilds_of": "inventory",
    "holds": "conditions",
    "json_or_text": "lookup",
    "load_all": "load",
    "load_narrative": "load",
    "look_up": "lookup",
    "mime_of_content": "formats",
    "missing_variables": "inventory",
    "parse_all": "load",
    "parse_json": "lookup",
    "parse_narrative": "load",
    "parse_template": "templates",
    "references": "inventory",
    "render": "templates",
    "render_text": "templates",
    "render_value": "templates",
    "usual_mime": "formats",
    "visible": "order",
}

__all__ = [
    "Environment",
    "Loaded",
    "Narrative",
    "as_text",
    "fault_of_content",
    "guilds_of",
    "holds",
    "json_or_text",
    "load_all",
    "load_narrative",
    "look_up",
    "mime_of_content",
    "missing_variables",
    "parse_all",
    "parse_json",
    "parse_narrative",
    "parse_template",
    "references",
    "render",
    "render_text",
    "render_value",
    "usual_mime",
    "visible",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
