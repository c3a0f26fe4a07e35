"""Describes a narrative act by act, for `botticelli narrative show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botticelli.cli.base.formatting import iterations, number, safe

if TYPE_CHECKING:
    pass


def lines(details: dict[str, Any]) -> Iterator[str]:
    """Format what `resolved` returned for people."""
    about = f": {safe(details['description'])}" if details["description"] else ""
    yield f"{safe(details['name'])}{about}"
    yield f"  {iterations(details['iterations'])} of {len(details['acts'])} acts"
    for name, value in details["variables"].items():
        yield f"  variable {safe(name)} = {safe(value)}"
    for act in details["acts"]:
        yield ""
        yield f"{act['position']}. {safe(act['name'])} (line {act['line']})"
        yield from (f"   {label:<9} {safe(text)}" for label, text in _facts(act) if text)


def _facts(act: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "inputs", ", ".join(_input_name(input_) for input_ in act["inputs"])
    if act["model"]:
        turns = f", {act['turns']} times" if act["turns"] > 1 else ""
        yield (
            "model",
            f"{act['model']}, about {number(act['estimated_tokens'])} tokens ({act['estimate_source']}){turns}",
        )
    yield "answers", _answer(act)
    yield "skip if", act["skip_if"] or ""
    if act["gate"]:
        judges = ", ".join(name for name in ("checks", "unique", "accept_if") if name in act["gate"])
        yield "gate", f"{judges}; {number(act['gate']['attempts'])} attempts, then {act['gate']['otherwise']}"
    yield "refers", ", ".join(text for text in act["references"] if not text.startswith("{state."))
    for label in ("needs", "reads", "writes", "effects"):
        yield label, ", ".join(act[label])


def _answer(act: dict[str, Any]) -> str:
    """Return the fields of a typed answer, such as `title, score`."""
    if act["schema"]:
        return ", ".join(act["schema"].get("properties", ())) or "an object"
    return f"the columns of {act['schema_table']}" if act["schema_table"] else ""


def _input_name(input_: dict[str, Any]) -> str:
    is_command = input_["type"] == "bot_command"
    return f"{input_['platform']} {input_['command']}" if is_command else str(input_["type"])
