"""Checks the options of a request to enqueue, wherever it comes from: client, wire, command line, fork."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from botticelli.errors import InvalidInput
from botticelli.messages import SERVICE_TIERS
from botticelli.untrusted.storable import is_blank

MOST_ITERATIONS = 2**31 - 1
"""The limit of a narrative file, too."""
NAME_CHARACTERS, TEXT_CHARACTERS = 300, 2_000_000
MOST_TAGS, MOST_VARIABLES = 100, 1000
VARIABLE_CHARACTERS = 1_000_000
"""The limit of all variables of a run together."""
MOST_DEPTH = 32
"""How deep tables and lists of a request may be nested."""
Check = Callable[[str, Any], None]


def check_request(options: Mapping[str, Any]) -> None:
    """Raise InvalidInput for the first option that is unknown or invalid. An option that is None counts as not given."""
    for name, value in options.items():
        check = CHECKS.get(name)
        if check is None:
            matches = difflib.get_close_matches(str(name), CHECKS, 1)
            do = f"did you mean {matches[0]}?" if matches else f"the options are {', '.join(sorted(CHECKS))}"
            raise InvalidInput(f"unknown option {_shown(name)}", where="the request", do=do)
        if value is not None:
            check(name, value)
    if (options.get("narrative") is None) == (options.get("text") is None):
        raise InvalidInput("give either the name of a narrative or its text")


def check_options(options: Mapping[str, Any]) -> None:
    """Check the options of a request whose narrative is known already."""
    check_request({"narrative": "known", **options})


def check_iterations(name: str, value: Any) -> None:
    if type(value) is not int:
        raise _wrong(name, f"must be a whole number, not {_kind(value)}")
    if not 1 <= value <= MOST_ITERATIONS:
        raise _wrong(name, f"must be from 1 to {MOST_ITERATIONS:,}")


def _name(name: str, value: Any, most: int = NAME_CHARACTERS) -> None:
    _text(name, value, most)
    if is_blank(value):
        raise _wrong(name, "is empty")


def _text(name: str, value: Any, most: int = TEXT_CHARACTERS) -> None:
    if not isinstance(value, str):
        raise _wrong(name, f"must be a string, not {_kind(value)}")
    if len(value) > most:
        raise _wrong(name, f"has {len(value):,} characters, the limit is {most:,}")
    if "\0" in value:
        raise _wrong(name, "contains a NUL character, which can't be stored")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _wrong(name, "contains an unpaired surrogate, which is not a valid character") from None


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _wrong(name, f"must be true or false, not {_kind(value)}")


def _tags(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise _wrong(name, f"must be a list of strings, not {_kind(value)}")
    if len(value) > MOST_TAGS:
        raise _wrong(name, f"has {len(value):,} entries, the limit is {MOST_TAGS}")
    for number, tag in enumerate(value, 1):
        _name(f"{name}, entry {number}", tag)


def _variables(name: str, value: Any) -> None:
    _table(name, value)
    if len(value) > MOST_VARIABLES:
        raise _wrong(name, f"has {len(value):,} entries, the limit is {MOST_VARIABLES:,}")
    for key, text in value.items():
        _name(f"a name in {name}", key)
        _text(f"{name}.{key}", text)
    characters = sum(map(len, value.values()))
    if characters > VARIABLE_CHARACTERS:
        raise _wrong(name, f"has {characters:,} characters, the limit is {VARIABLE_CHARACTERS:,}")


def _tiers(name: str, value: Any) -> None:
    _table(name, value)
    for key, tier in value.items():
        _name(f"a name in {name}", key)
        _name(f"{name}.{key}", tier)


def _service_tier(name: str, value: Any) -> None:
    if value not in SERVICE_TIERS:
        raise _wrong(name, f"must be one of {', '.join(SERVICE_TIERS)}")


def _table(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(name, f"must be a table, not {_kind(value)}")


def _demands(name: str, value: Any) -> None:
    _table(name, value)
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise _wrong(name, f"is nested deeper than {MOST_DEPTH} levels")
        inner = [part.values() if isinstance(part, Mapping) else part for part in level]
        level = [part for parts in inner for part in parts if isinstance(part, Mapping | list | tuple)]


def _rows(name: str, value: Any) -> None:
    """Check the form of rows; what is in them is checked where they are read."""
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise _wrong(name, f"must be a list of tables, not {_kind(value)}")
    for number, row in enumerate(value, 1):
        _table(f"{name}, entry {number}", row)


def _row_key(name: str, value: Any) -> None:
    if isinstance(value, str):
        _name(name, value)
    else:
        _tags(name, value)


def _seed(name: str, value: Any) -> None:
    if type(value) is not int:
        raise _wrong(name, f"must be a whole number, not {_kind(value)}")


def _wrong(name: str, mistake: str) -> InvalidInput:
    return InvalidInput(f"{_shown(name)} {mistake}", where="the request")


def _shown(name: object) -> str:
    return str(name)[:80].encode("unicode_escape").decode()


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a decimal number",
        str: "a string",
        type(None): "null",
    }
    return kinds.get(type(value)) or ("a table" if isinstance(value, Mapping) else "a list")


CHECKS: Mapping[str, Check] = {
    "narrative": _name,
    "text": lambda name, value: _name(name, value, TEXT_CHARACTERS),
    "name": _name,
    "run_id": _name,
    "idempotency_key": _name,
    "variables": _variables,
    "iterations": check_iterations,
    "tags": _tags,
    "tiers": _tiers,
    "tenant": _name,
    "model": _name,
    "service_tier": _service_tier,
    "rehearse": _flag,
    "demands": _demands,
    "rows": _rows,
    "row_key": _row_key,
    "skip_bad": _flag,
    "only_new": _flag,
    "limit": check_iterations,
    "sample": check_iterations,
    "seed": _seed,
}
"""The check of each option of an enqueue, by its name on the wire."""
