"""TOML text in, checked narrative out: the one road for files and for text that came over the wire.

Performs nothing and reads no environment of its own; all problems of a file are raised together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.errors import NarrativeError, Problem
from botticelli.narrative.build import Workshop, build
from botticelli.narrative.environment import Environment
from botticelli.narrative.forms import outline
from botticelli.narrative.model import Narrative
from botticelli.narrative.problems import Problems
from botticelli.narrative.shelf import MediaLimits, Shelf
from botticelli.narrative.source import LOCAL, WIRE, Limits, Unreadable, decode, read_file
from botticelli.narrative.suggest import shown
from botticelli.toml_text.positions import Positions, TomlPath
from botticelli.toml_text.tokens import MAX_DEPTH, Refusal, Token, tokenize

_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Loaded:
    """A narrative, and what its author should know although nothing is wrong."""

    narrative: Narrative
    warnings: tuple[Problem, ...] = ()
    media: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The contents of its files and base64 texts, by SHA-256 in hexadecimal."""


def load_narrative(
    path: Path,
    *,
    name: str | None = None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Reads a local file of up to 1 MB. `name` is the name the narrative must have, if given.

    Without an `environment` every `${NAME}` is a problem. Raises NarrativeError with all problems.
    """
    source = str(path)
    try:
        text = read_file(path, LOCAL.file_bytes)
    except Unreadable as error:
        raise _refused(source, str(error)) from error
    folder = path.parent
    return parse_narrative(
        text, source=source, folder=folder, name=name, environment=environment, media_limits=media_limits
    )


def parse_narrative(
    text: str,
    *,
    source: str,
    folder: Path | None,
    name: str | None = None,
    environment: Environment | None = None,
    media_limits: MediaLimits | None = None,
) -> Loaded:
    """Checks a narrative's text. `source` is what problems call it; its stem names a narrative without a name.

    `folder` is where `file = "..."` looks. Without one the text came over the wire: no files, and the smaller caps.
    Raises NarrativeError with all problems.
    """
    limits = WIRE if folder is None else LOCAL
    text = _clean(text, source, limits)
    tokens = _tokens(text, source)
    document = _parse(text, source)
    problems = Problems(source, Positions(text, tokens))
    _sweep(document, problems, limits)
    problems.raise_if_any()
    shop = Workshop(problems, environment or Environment(), limits, folder, Shelf(media_limits or MediaLimits()))
    narrative = build(outline(document, problems), shop, stem=Path(source).stem, wanted=name)
    problems.raise_if_any()
    return Loaded(narrative, problems.warnings, dict(shop.shelf.contents))


def _clean(text: str, source: str, limits: Limits) -> str:
    """The text as UTF-8 text with `\\n` line ends, within its cap."""
    if len(text) > limits.file_bytes:
        raise _refused(source, f"is larger than {limits.file_bytes:,} bytes")
    try:
        raw = text.encode()
        if len(raw) > limits.file_bytes:
            raise _refused(source, f"is larger than {limits.file_bytes:,} bytes")
        return decode(raw)
    except UnicodeEncodeError as error:
        raise _refused(source, "is not Unicode text") from error
    except Unreadable as error:
        raise _refused(source, str(error)) from error


def _tokens(text: str, source: str) -> tuple[Token, ...]:
    tokens = tokenize(text)
    if isinstance(tokens, Refusal):
        line, column = Positions(text).of_offset(tokens.offset)
        raise NarrativeError([Problem(shown(source, 400), line, column, "", "", tokens.message, tokens.hint)])
    return tokens


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        what = shown(found[1] if found else str(error), 200)
        end = Positions(text).of_offset(len(text))
        line, column = (int(found[2]), int(found[3])) if found and found[2] else end
        problem = Problem(shown(source, 400), line, column, "", "", f"this is not TOML: {what}")
        raise NarrativeError([problem]) from error
    except (RecursionError, ValueError) as error:
        raise _refused(source, "this is not TOML that can be read: a number or a nesting is too large") from error


def _sweep(document: dict[str, Any], problems: Problems, limits: Limits) -> None:
    """Caps on every value, whatever it is for: what is built and stored from it stays small and storable."""
    waiting: list[tuple[TomlPath, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            problems.add(path, f"is nested more than {MAX_DEPTH} levels deep", "write it flatter")
        elif path and "\0" in str(path[-1]):
            problems.add(path, "the key contains a NUL character")
        elif isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))
        elif isinstance(value, str):
            _check_text(path, value, problems, limits)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            problems.add(path, "is a larger number than TOML knows")


def _check_text(path: TomlPath, value: str, problems: Problems, limits: Limits) -> None:
    if len(value) > limits.string_chars:
        hint = "" if limits is WIRE else 'put it into a file beside: file = "..."'
        problems.add(path, f"is longer than {limits.string_chars:,} characters", hint)
    if "\0" in value:
        problems.add(path, "contains a NUL character", offset=value.index("\0"))


def _refused(source: str, message: str) -> NarrativeError:
    return NarrativeError([Problem(shown(source, 400), 0, 0, "", "", message)])
