"""Compiles and searches regular expressions with an engine whose time grows linearly with the text.

A pattern of an author runs on texts of a model, so none may be able to hold a worker: the engine is that of Rust's `regex`,
which pydantic carries. It knows no look-around and no backreferences.
"""

from __future__ import annotations

import functools
import re

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_PATTERN_CHARACTERS = 1000
_REASON = re.compile(r"error: (?P<reason>[^\n]+)\s*\Z")
_MARK = re.compile(r"^ {4}( *)\^", re.MULTILINE)


def pattern_fault(pattern: str) -> str | None:
    """Return why a pattern can't be used, with the character where it goes wrong; None for a good pattern."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"has {len(pattern):,} characters; at most {MAX_PATTERN_CHARACTERS:,} are allowed"
    if not pattern:
        return "is empty, so it matches every text"
    try:
        _compiled(pattern)
    except SchemaError as error:
        return _reason(str(error))
    return None


def is_match(pattern: str, text: str) -> bool:
    """Tell whether the pattern matches anywhere in the text. The pattern has no fault."""
    return _compiled(pattern).isinstance_python(text)


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _reason(message: str) -> str:
    """Return the engine's reason in one line, such as `unclosed group (character 5)`."""
    reason = _REASON.search(message)
    if reason is None:
        return "is too large" if "size limit" in message else "can't be read"
    mark = _MARK.search(message)
    return f"{reason['reason']} (character {len(mark[1]) + 1})" if mark else reason["reason"]
