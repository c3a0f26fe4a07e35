"""Defines rules for the values of keys, in words for an author, and reads one table by a list of known keys."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative.source.problems import Problems, nearest, shown
from botticelli.toml_text.lexer import TomlPath
from botticelli.untrusted.durations import DURATION, parse_seconds

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAME_WORDS = "a name of up to 64 letters, digits, _ and -"
MAX_WHOLE = 2**31 - 1
_NUMBER_CHARACTERS = 20
DURATION_FORMS = '"45s", "1h30m", "3d" or "2w"'
_BOUNDS = {"from": "minimum", "to": "maximum", "over": "exclusiveMinimum", "up to": "maximum"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Defines valid values: `words` for messages, `accepts` decides, `schema` says the same as far as JSON Schema can."""

    words: str
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False)
    read: Callable[[Any], Any] = field(default=lambda value: value, compare=False)
    """Turns an accepted value into the one that counts."""


def whole(low: int, high: int = MAX_WHOLE) -> Rule:
    limit = "" if high == MAX_WHOLE else f" and at most {high}"
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Rule(
        f"a whole number of at least {low}{limit}", lambda value: type(value) is int and low <= value <= high, schema
    )


def number(words: str, fits: Callable[[float], bool]) -> Rule:
    """Build a rule for a finite number.

    `words` are `from A to B`, `over A`, `up to B`, or several of them; the bounds of the schema are read from them.
    """
    return Rule(
        f"a number {words}",
        lambda value: type(value) in {int, float} and math.isfinite(value) and fits(value),
        {"type": "number", **_bounds(words)},
    )


def _bounds(words: str) -> dict[str, float]:
    bounds = {_BOUNDS[word]: float(figure) for word, figure in re.findall(r"\b(from|over|up to|to) ([\d.]+)", words)}
    return {name: int(figure) if figure.is_integer() else figure for name, figure in bounds.items()}


def duration(words: str, fits: Callable[[float], bool]) -> Rule:
    """Build a rule for seconds, as a number or as a text such as `1h30m`; `words` are those of `number`."""
    rule = number(words, fits)
    pattern = f"(?=.*[1-9])(?:{DURATION.pattern})" if not fits(0) else DURATION.pattern

    def seconds(value: Any) -> Any:
        return parse_seconds(value) if isinstance(value, str) else value

    return Rule(
        f"{rule.words} (seconds), or a duration such as {DURATION_FORMS}",
        lambda value: rule.accepts(seconds(value)),
        {**rule.schema, "type": ["number", "string"], "pattern": f"^(?:{pattern})$"},
        seconds,
    )


def one_of(*choices: str) -> Rule:
    return Rule(" or ".join(f'"{choice}"' for choice in choices), lambda value: value in choices, {"enum": [*choices]})


def matching(pattern: re.Pattern[str], words: str) -> Rule:
    schema = {"type": "string", "pattern": f"^(?:{pattern.pattern})$"}
    return Rule(words, lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None, schema)


ANYTHING = Rule("anything", lambda value: True)  # noqa: ARG005 (called as its peers are)
TEXT = Rule("text", lambda value: isinstance(value, str), {"type": "string"})
LINE = matching(re.compile(r"\S(?:[^\n]{0,198}\S)?"), "one line of text")
FLAG = Rule("true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
TABLE = Rule("a table", lambda value: isinstance(value, dict), {"type": "object"})
LIST = Rule("a list", lambda value: isinstance(value, list), {"type": "array"})
IDENTIFIER = matching(NAME, NAME_WORDS)


@dataclass(frozen=True, slots=True)
class Keys:
    """Lists the keys of one table with their rules. `tolerated` keys are accepted, but have no effect."""

    known: Mapping[str, Rule]
    tolerated: Collection[str] = ()


def read_table(problems: Problems, path: TomlPath, value: Any, keys: Keys, *, subject: str) -> dict[str, Any]:
    """Return the valid values of a table; everything else in it becomes a problem.

    `subject` is what messages call the table.
    """
    if not fits(problems, path, value, TABLE):
        return {}
    good: dict[str, Any] = {}
    for key, inner in value.items():
        here = (*path, key)
        if key in keys.known:
            if fits(problems, here, inner, keys.known[key]):
                good[key] = keys.known[key].read(inner)
        elif key in keys.tolerated or (problems.is_lenient and nearest(key, keys.known) is None):
            problems.ignore(here)
        else:
            problems.add(here, f"is not a key of {subject}", problems.guess(key, keys.known))
    return good


def fits(problems: Problems, path: TomlPath, value: Any, rule: Rule) -> bool:
    """Tell whether `value` follows the rule, and report a problem if it does not."""
    if rule.accepts(value):
        return True
    problems.add(path, f"must be {rule.words}, not {_describe(value)}", _hint(value, rule))
    return False


def _describe(value: object) -> str:
    if isinstance(value, str):
        return f'"{shown(value, 40)}"' if value else "empty text"
    if isinstance(value, bool | int | float):
        return shown(repr(value).lower())
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return "a date or a time"


def _hint(value: object, rule: Rule) -> str:
    if rule is LIST and isinstance(value, dict):
        return "begin each item with its name in double brackets"
    if not isinstance(value, str):
        return "write it in quotes" if rule is TEXT and isinstance(value, bool | int | float) else ""
    plain = {"true": True, "false": False}.get(value.strip().lower(), _number(value))
    if plain is not None and rule.accepts(plain):
        return f"write {value.strip().lower()} without quotes"
    choices = re.findall(r'"([a-z_]+)"', rule.words)
    guess = nearest(value, choices)
    return f"did you mean {guess}?" if guess else ""


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text) if len(text) <= _NUMBER_CHARACTERS else None
        except ValueError:
            continue
    return None
