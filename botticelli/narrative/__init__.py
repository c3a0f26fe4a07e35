"""Turns the TOML text of narratives into a checked model, and fills in its templates.

Uses no network, no database, no clock and no environment but the one it is given. Names are imported on first
use, which keeps the import of this package cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botticelli.narrative.assembly.act_order import visible
    from botticelli.narrative.assembly.load import Loaded, load_all, load_narrative, parse_all, parse_narrative
    from botticelli.narrative.language.media_formats import canonical_mime, content_problem, detect_mime
    from botticelli.narrative.model import Narrative
    from botticelli.narrative.source.environment import Environment
    from botticelli.narrative.templates.conditions import holds
    from botticelli.narrative.templates.json_path import look_up, parse_json, parse_json_or_text, parse_whole_json
    from botticelli.narrative.templates.references import literal_guilds, missing_variables, references
    from botticelli.narrative.templates.template import as_text, parse_template, render, render_text, render_value

_HOMES = {
    "Environment": "source.environment",
    "Loaded": "assembly.load",
    "Narrative": "model",
    "as_text": "templates.template",
    "content_problem": "language.media_formats",
    "literal_guilds": "templates.references",
    "holds": "templates.conditions",
    "parse_json_or_text": "templates.json_path",
    "load_all": "assembly.load",
    "load_narrative": "assembly.load",
    "look_up": "templates.json_path",
    "detect_mime": "language.media_formats",
    "missing_variables": "templates.references",
    "parse_all": "assembly.load",
    "parse_json": "templates.json_path",
    "parse_narrative": "assembly.load",
    "parse_whole_json": "templates.json_path",
    "parse_template": "templates.template",
    "references": "templates.references",
    "render": "templates.template",
    "render_text": "templates.template",
    "render_value": "templates.template",
    "canonical_mime": "language.media_formats",
    "visible": "assembly.act_order",
}

__all__ = [
    "Environment",
    "Loaded",
    "Narrative",
    "as_text",
    "canonical_mime",
    "content_problem",
    "detect_mime",
    "holds",
    "literal_guilds",
    "load_all",
    "load_narrative",
    "look_up",
    "missing_variables",
    "parse_all",
    "parse_json",
    "parse_json_or_text",
    "parse_narrative",
    "parse_template",
    "parse_whole_json",
    "references",
    "render",
    "render_text",
    "render_value",
    "visible",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
