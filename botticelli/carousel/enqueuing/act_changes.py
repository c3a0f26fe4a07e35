"""Changes keys of acts for a fork, with the checks of a narrative file. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from botticelli.errors import InvalidInput
from botticelli.narrative import Environment, parse_template
from botticelli.narrative.execution import PARAMETERS
from botticelli.narrative.model import Act, Narrative, Template, TextInput


def changed(narrative: Narrative, changes: Mapping[str, str]) -> Narrative:
    """Return the narrative with `changes` (`ACT.KEY`: text) to prompt, system, model or a parameter of the calls of acts.

    Raises InvalidInput.
    """
    for key, text in changes.items():
        name, dot, what = key.rpartition(".")
        if not dot or what not in _KEYS:
            raise InvalidInput(f"{key!r} is not ACT.KEY", where="--set", do=f"the keys: {', '.join(_KEYS)}")
        narrative = _with_act(narrative, name, what, text)
        _check_references(narrative, name, key)
    return narrative


def _with_act(narrative: Narrative, name: str, key: str, text: str) -> Narrative:
    names = [act.name for act in narrative.acts]
    if name not in names:
        raise InvalidInput(
            f"there is no act {name!r}", where="--set", do=f"the acts: {', '.join(dict.fromkeys(names))}"
        )
    acts = tuple(_KEYS[key](act, key, text) if act.name == name else act for act in narrative.acts)
    return narrative.model_copy(update={"acts": acts})


def _prompt(act: Act, key: str, text: str) -> Act:
    """Replace the first text input of the act, and remove its other text inputs."""
    first = next((position for position, item in enumerate(act.inputs) if item.type == "text"), None)
    if first is None:
        raise InvalidInput(f"act {act.name} has no prompt", where="--set", do="it calls no model")
    content = TextInput(content=_template(text, f"{act.name}.{key}"), line=act.inputs[first].line)
    inputs = tuple(
        content if position == first else item
        for position, item in enumerate(act.inputs)
        if position == first or item.type != "text"
    )
    return act.model_copy(update={"inputs": inputs})


def _system(act: Act, key: str, text: str) -> Act:
    return act.model_copy(update={"system": _template(text, f"{act.name}.{key}") if text else None})


def _plain(act: Act, key: str, text: str) -> Act:
    """Return the act with a changed value, checked like a value of a file."""
    try:
        places = {name: place for name, place in act.places.items() if name != key}
        return Act.model_validate({**act.model_dump(), "places": places, key: text})
    except ValidationError as error:
        message = error.errors(include_input=False, include_url=False)[0]["msg"]
        raise InvalidInput(f"{text!r}: {message}", where=f"{act.name}.{key}", do="give another value") from None


_KEYS: Mapping[str, Callable[[Act, str, str], Act]] = {
    "prompt": _prompt,
    "system": _system,
    "model": _plain,
    **dict.fromkeys(PARAMETERS, _plain),
}


def _template(text: str, where: str) -> Template:
    """Parse a template without environment variables, since the text comes from a terminal."""
    parsed = parse_template(text, Environment.for_local_files({}, ()))
    if parsed.faults:
        fault = parsed.faults[0]
        raise InvalidInput(fault.message, where=f"{where}, character {fault.offset + 1}", do=fault.hint)
    return parsed.template


def _check_references(narrative: Narrative, name: str, where: str) -> None:
    names = [act.name for act in narrative.acts]
    act, earlier = narrative.acts[names.index(name)], names[: names.index(name)]
    texts = [item.content for item in act.inputs if item.type == "text"] + ([act.system] if act.system else [])
    for reference in (item for text in texts for item in text.references):
        unread: Any = reference.name if reference.kind == "act" and reference.name not in earlier else None
        if unread or (reference.kind == "previous" and not earlier):
            offer = ", ".join(dict.fromkeys(earlier)) or "none"
            raise InvalidInput(f"{reference.text} can't be read there", where=where, do=f"the acts before it: {offer}")
