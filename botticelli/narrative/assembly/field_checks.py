"""Checks references into typed answers: each field that is read stands in the schema of the act that it is read from."""

from __future__ import annotations

import json
from collections.abc import Sequence

from botticelli.answer_schema.fields import field_fault, is_optional
from botticelli.narrative.model import Act
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.templates.template_reader import ReferenceUse


def check_field(use: ReferenceUse, act: Act, path: Sequence[str], problems: Problems) -> None:
    """Report a field that no answer of the act has; warn of one that a valid answer may leave out."""
    if act.answer_schema is None:
        return
    kind, *steps = path or ("output",)
    steps = steps[1:] if kind == "outputs" else steps
    if not steps:
        return
    if kind == "output" and act.carousel is not None and act.carousel.iterations > 1:
        _report(use, problems, f"act {act.name} has several answers", f"read {{act.{act.name}.outputs.0.{steps[0]}}}")
        return
    schema = json.loads(act.answer_schema)
    fault = field_fault(schema, steps)
    if fault is not None:
        known = problems.guess(fault.step, fault.known, otherwise="its fields are") if fault.known else ""
        _report(use, problems, fault.message, known)
    elif is_optional(schema, steps) and use.path[-1] not in ("skip_if", "accept_if"):
        text = f"{use.place}{shown(use.reference.text)}: a valid answer may have no {shown('.'.join(steps))}"
        problems.warn(use.path, text, "add it to required in the schema", offset=use.offset)


def _report(use: ReferenceUse, problems: Problems, message: str, hint: str) -> None:
    problems.add(use.path, f"{use.place}{shown(use.reference.text)}: {message}", hint, offset=use.offset)
