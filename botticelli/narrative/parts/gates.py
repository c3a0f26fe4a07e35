"""Reads the keys of an act that judge its answers, and checks their patterns and languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botticelli.gates.languages import LANGUAGES
from botticelli.gates.patterns import pattern_fault
from botticelli.gates.text_checks import Checks
from botticelli.narrative.gate import Gate, Unique
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import MAX_WHOLE, read_table
from botticelli.narrative.model import Condition, Input, is_spoken
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.templates.conditions import USE, read_condition
from botticelli.narrative.templates.template_reader import TemplateReader
from botticelli.toml_text.lexer import TomlPath
from botticelli.untrusted.durations import parse_seconds

JUDGES = ("checks", "unique", "accept_if")
"""Keys that judge an answer."""
CONSEQUENCES = ("redo", "attempts", "otherwise")
"""Keys that say what follows from a judgement."""
GATE_KEYS = (*JUDGES, *CONSEQUENCES)


def read_gate(path: TomlPath, table: Mapping[str, Any], inputs: Sequence[Input], texts: TemplateReader) -> Gate | None:
    """Read the gate of an act from its table; None when nothing judges its answers."""
    problems = texts.problems
    judges = [key for key in JUDGES if key in table]
    if not judges:
        for key in (key for key in CONSEQUENCES if key in table):
            problems.add((*path, key), "has no effect, since nothing judges the answers of this act", _ADD)
        return None
    if inputs and not is_spoken(inputs):
        message = "judges answers of a model, but this act makes no model call"
        problems.add((*path, judges[0]), message, "give it a prompt")
    return Gate(
        checks=_read_checks((*path, "checks"), table["checks"], problems) if "checks" in table else None,
        unique=_read_unique((*path, "unique"), table["unique"], problems) if "unique" in table else None,
        accept_if=read_condition_of((*path, "accept_if"), table["accept_if"], texts) if "accept_if" in table else None,
        **{key: table[key] for key in CONSEQUENCES if key in table},
    )


def read_condition_of(path: TomlPath, text: str, texts: TemplateReader) -> Condition | None:
    """Read the condition of a key."""
    faults = texts.faults
    condition = read_condition(texts.template(path, text), texts.problems.line_of(path))
    if condition is None and texts.faults == faults:
        texts.problems.add(path, "is not a condition", USE)
    return condition


def _read_unique(path: TomlPath, written: Mapping[str, Any], problems: Problems) -> Unique | None:
    table = read_table(problems, path, written, keys.UNIQUE, subject="unique")
    if "column" not in written:
        problems.add((*path, "column"), "is missing", 'say what to compare with: column = "content.posts.body"')
    if "column" not in table:
        return None
    _, name, column = table["column"].split(".")
    optional = {"threshold": table["threshold"]} if "threshold" in table else {}
    seconds = parse_seconds(table["within"]) if "within" in table else None
    return Unique(table=name, column=column, within_seconds=seconds, **optional)


def _read_checks(path: TomlPath, written: Mapping[str, Any], problems: Problems) -> Checks | None:
    table = read_table(problems, path, written, keys.CHECKS, subject="checks")
    if not written.keys() - {"field"}:
        problems.add(path, "holds no rule", "add one, such as max_chars = 280")
    if table.get("min_chars", 0) > table.get("max_chars", MAX_WHOLE):
        problems.add((*path, "min_chars"), "is more than max_chars, so no text could pass", "exchange them")
    texts: dict[str, tuple[str, ...]] = {
        key: _texts(table.pop(key)) for key in ("must_match", "must_not_match", "language") if key in table
    }
    for key in ("must_match", "must_not_match"):
        for place, pattern in _places((*path, key), written, texts):
            fault = pattern_fault(pattern)
            if fault is not None:
                problems.add(place, f"the pattern {shown(pattern)} can't be used: {fault}", _HINT)
    for place, code in _places((*path, "language"), written, texts):
        if code not in LANGUAGES:
            hint = problems.guess(code, LANGUAGES, otherwise="the languages are")
            problems.add(place, f"{shown(code)} is not a language that can be told", hint)
    return Checks.model_validate(table | texts)


_ADD = f"add {', '.join(JUDGES[:-1])} or {JUDGES[-1]}, or remove it"
_HINT = "write it in the syntax of Rust's regex, which has no look-around"


def _texts(written: str | list[str]) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written)


def _places(
    path: TomlPath, written: Mapping[str, Any], texts: Mapping[str, tuple[str, ...]]
) -> list[tuple[TomlPath, str]]:
    """Return the texts of a key, each with its place in the file."""
    key = str(path[-1])
    is_list = isinstance(written.get(key), list)
    return [((*path, index) if is_list else path, item) for index, item in enumerate(texts.get(key, ()))]
