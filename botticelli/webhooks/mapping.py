"""Reads `when` and `variables` of a webhook once, and fills them in from a delivery. Values are data, never templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.errors import InvalidInput, TemplateError
from botticelli.narrative.model import Condition, Reference, Template
from botticelli.narrative.templates.conditions import holds, read_condition
from botticelli.narrative.templates.json_path import look_up
from botticelli.narrative.templates.template import as_text
from botticelli.untrusted.storable import storable
from botticelli.webhooks.delivery import Delivery

ROOTS = ("body", "event", "delivery")
USE = 'write "{body.PATH}", "!{body.PATH}", "{body.PATH} == word", "... != word" or "... >= 4"'
_REFERENCE = re.compile(r"\{(?P<root>body|event|delivery)(?P<path>(?:\.[^\s{}.]+)*)\}")
_BRACES = re.compile(r"\{[^{}]*\}?")


class NotThere(Exception):
    """A body that has no such value; the text names the reference, and no value."""


@dataclass(frozen=True, slots=True)
class WebhookMapping:
    """The conditions and the variables of a webhook."""

    conditions: tuple[Condition, ...]
    variables: Mapping[str, Template]

    def matches(self, delivery: Delivery) -> bool:
        """Whether a delivery fulfils all conditions. What the body lacks fulfils none but `!` and `!=`."""
        return all(holds(condition, _value_or_none(condition.reference, delivery)) for condition in self.conditions)

    def filled(self, delivery: Delivery) -> dict[str, str]:
        """Return the variables of the run; null is an empty text. Raises NotThere for what the body lacks."""
        return {name: storable(_text(template, delivery)) for name, template in self.variables.items()}


def read_conditions(texts: tuple[str, ...]) -> tuple[Condition, ...]:
    """Read `when`. Raises InvalidInput for a text that is no condition."""
    conditions = []
    for text in texts:
        condition = read_condition(read_template(text), 0)
        if condition is None:
            raise InvalidInput(f"{text!r} is not a condition", do=USE)
        conditions.append(condition)
    return tuple(conditions)


def read_template(text: str) -> Template:
    """Split a text into literals and references to the delivery. Raises InvalidInput for braces around anything else."""
    parts: list[str | Reference] = []
    after = 0
    for match in _REFERENCE.finditer(text):
        parts += [text[after : match.start()], _reference(match)]
        after = match.end()
    parts.append(text[after:])
    for part in parts:
        wrong = _BRACES.search(part) if isinstance(part, str) else None
        if wrong is not None:
            do = "write {body.PATH}, {event} or {delivery}"
            raise InvalidInput(f"{wrong.group()!r} is not a reference to the delivery", do=do)
    return Template(parts=tuple(part for part in parts if part))


def _reference(match: re.Match[str]) -> Reference:
    """Return a reference to the delivery: a variable of its own, which no narrative can name."""
    path = tuple(match["path"].split(".")[1:])
    if match["root"] != "body" and path:
        raise InvalidInput(f"{{{match['root']}}} is a text, which has no path", do=f"write {{{match['root']}}}")
    return Reference(kind="var", name=match["root"], path=path, text=match.group())


def _text(template: Template, delivery: Delivery) -> str:
    return "".join(_texts(template, delivery))


def _texts(template: Template, delivery: Delivery) -> Iterator[str]:
    for part in template.parts:
        value = part if isinstance(part, str) else _value(part, delivery)
        yield "" if value is None else as_text(value)


def _value(reference: Reference, delivery: Delivery) -> Any:
    roots = {"body": delivery.body, "event": delivery.event, "delivery": delivery.id}
    try:
        return look_up(roots[reference.name], reference.path, reference=reference.text)
    except TemplateError:
        raise NotThere(f"the body has no {reference.text}") from None


def _value_or_none(reference: Reference, delivery: Delivery) -> Any:
    try:
        return _value(reference, delivery)
    except NotThere:
        return None
