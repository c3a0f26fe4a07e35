"""Parses the references in an author's text once, and fills them in as data: nothing is ever expanded twice (I7).

The caller's `resolve` supplies the values, and decides which acts a reference may read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from botticelli.narrative.model import NestedArguments, Reference, ReferenceKind, Template, Value
from botticelli.narrative.source.environment import OPEN_PREFIX, Environment
from botticelli.narrative.source.problems import shown

Resolve = Callable[[Reference], Any]
"""Returns the value of a reference as JSON data. Raises TemplateError when there is no such value."""

MAX_KEY_CHARACTERS = 512
MAX_EXPANDED_CHARACTERS = 1024 * 1024
MAX_FAULTS = 20
MAX_BRACES = 1_000

_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_NAME = r"[A-Za-z0-9_-]+"
_STEP = r"(?:\.[\w-]+)"
_COLUMN = r"(?:\.[^\s{}.](?:[^\n{}.]*[^\s{}.])?)"
_KEY = r"(?:[^\s{}$]|\$(?!\{)|\$\{(?:env:)?" + _VARIABLE + r"\})+"

_REFERENCE = re.compile(
    r"\\(?P<escaped>\$?\{)"
    r"|(?P<four>\{\{\{\{)"
    r"|\{\{[ ]*(?:state:(?P<state_a>" + _KEY + r")|(?P<act_a>" + _WORD + r")(?P<path_a>" + _STEP + r"*))[ ]*\}\}"
    r"|\$\{(?:(?:state|STATE):(?P<state_b>" + _KEY + r")|(?P<act_b>" + _WORD + r")(?P<path_b>" + _STEP + r"+)"
    r"|(?:env:)?(?P<variable>" + _VARIABLE + r"))\}"
    r"|\{(?:state\.(?P<state_c>" + _KEY + r")"
    r"|act\.(?P<act_c>" + _NAME + r")(?P<path_c>\.(?:outputs?|acts(?=\.))" + _STEP + r"*)"
    r"|var\.(?P<var>" + _NAME + r")|(?P<plain>iterations?|now|row_number)|(?P<row>rows?)(?P<column>" + _COLUMN + r"*)"
    r"|(?P<attribute>run\.id|narrative\.name))\}"
    r"|(?P<wrong>\$\{(?:env|state|STATE):[^\s{}]*[{}]|\{\{state:[^\s{}]*[{}]|\{(?:act|state|var|run|narrative)\.[^\s{}]*[{}])"
)
_LOOSE = re.compile(
    r"(?<![\\${])\{[ ]*(?P<dotted>"
    r"(?i:acts?|states?|vars?|variables?|iterations?|rows?|runs?|narratives?|now|previous|env|environment)"
    r"(?:\.[\w.-]*|:[A-Za-z_][\w.-]*|\[['\"\w-]{1,80}\][\w.-]*|/[A-Za-z_][\w./-]*))[ ]*\}(?!\})"
    r"|(?<![\w\\${])\{[ ]*(?P<single>(?i:acts?|states?|vars?|iterations?|rows?|run|narrative|now))[ ]*\}(?!\})"
    r"|(?<![\w\\${])\{(?P<name>" + _WORD + r")(?P<path>" + _STEP + r"*)\}(?!\})"
)
"""Matches braces that are not a reference: almost one, or around a name that may be that of an act or of a variable."""
_INNER_VARIABLE = re.compile(r"\$\{(?:env:)?(" + _VARIABLE + r")\}")
_LITERALLY = "write \\{ for a brace that is just a brace"


@dataclass(frozen=True, slots=True)
class Fault:
    """Says what is wrong with a reference, and holds the offset of its first character in the text."""

    offset: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Braces:
    """Holds a name in single braces, which is printed as it is, and the offset of its brace."""

    offset: int
    name: str
    path: str
    """The path after the name, with its dot."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Holds a parsed text: its template, faults (at most MAX_FAULTS), references with offsets, and names in braces."""

    template: Template
    faults: tuple[Fault, ...] = ()
    references: tuple[Reference, ...] = ()
    offsets: tuple[int, ...] = ()
    braces: tuple[Braces, ...] = ()


def parse_template(text: str, environment: Environment) -> Parsed:
    """Split `text` into literals and references, with environment variables already filled in. Linear in its length.

    Braces that are not a reference stay as they are. Faults never contain the value of a variable.
    """
    return _Parser(environment).parse(text)


def render(template: Template, resolve: Resolve) -> Any:
    """Return the value itself when the template is exactly one reference, else text."""
    match template.parts:
        case (Reference() as only,):
            return resolve(only)
        case _:
            return render_text(template, resolve)


def render_text(template: Template, resolve: Resolve) -> str:
    return "".join(part if isinstance(part, str) else as_text(resolve(part)) for part in template.parts)


def render_value(value: Value, resolve: Resolve) -> Any:
    """Fill in an argument of a command and return it as JSON data; Items become a list or a dict."""
    match value:
        case Template():
            return render(value, resolve)
        case NestedArguments(array=tuple() as array):
            return [render_value(item, resolve) for item in array]
        case NestedArguments():
            return {key: render_value(item, resolve) for key, item in (value.table or {}).items()}
        case _:
            return value


def as_text(value: Any) -> str:
    """Return a value as text: text as it is, an object with an `id` as that id, anything else as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value.get("id") is not None:
        return as_text(value["id"])
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class _Parser:
    environment: Environment
    literal: list[str] = field(default_factory=list)
    parts: list[str | Reference] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    references: dict[str, Reference] = field(default_factory=dict)
    braces: list[Braces] = field(default_factory=list)
    expanded: int = 0

    def parse(self, text: str) -> Parsed:
        after = 0
        for match in _REFERENCE.finditer(text):
            self._add_plain(text, after, match.start())
            self._add_match(match)
            after = match.end()
        self._add_plain(text, after, len(text))
        self._end_literal()
        references = tuple(part for part in self.parts if isinstance(part, Reference))
        template = Template(parts=tuple(self.parts))
        return Parsed(template, tuple(self.faults), references, tuple(self.offsets), tuple(self.braces))

    def _add_plain(self, text: str, start: int, end: int) -> None:
        """Add a stretch without references; braces in it that were meant as one are a fault."""
        self.literal.append(text[start:end])
        for match in _LOOSE.finditer(text, start, end):
            meant = match["dotted"] or match["single"]
            if meant is not None:
                self._add_fault(
                    match.start(),
                    f"{shown(match.group())} is not a reference",
                    f"{suggest_reference(meant)}; {_LITERALLY}",
                )
            elif len(self.braces) < MAX_BRACES:
                self.braces.append(Braces(match.start(), match["name"], match["path"]))

    def _add_match(self, match: re.Match[str]) -> None:
        if match["escaped"] or match["four"]:
            self.literal.append(match["escaped"] or "{")
        elif match["variable"]:
            self.literal.append(self._value_of(match["variable"], match.start()))
        elif match["wrong"]:
            self._add_wrong(match)
        else:
            reference = self.references.get(match.group()) or self._read_reference(match)
            if reference is not None:
                self.references[match.group()] = reference
                self._end_literal()
                self.parts.append(reference)
                self.offsets.append(match.start())

    def _read_reference(self, match: re.Match[str]) -> Reference | None:
        """Build the reference of a match; None when the key of a state reference is invalid."""
        text, groups = match.group(), match.groupdict()
        if key := groups["state_a"] or groups["state_b"] or groups["state_c"]:
            whole_key = self._read_state_key(key, match.start())
            return Reference(kind="state", name=whole_key, text=text) if whole_key else None
        if name := groups["act_a"] or groups["act_b"]:
            path = _steps(groups["path_a"] or groups["path_b"])
            if name == "previous" and groups["act_a"]:
                return Reference(kind="previous", path=("output", *path), text=text)
            return Reference(kind="act", name=name, path=("output", *path), text=text)
        if name := groups["act_c"]:
            return Reference(kind="act", name=name, path=_steps(groups["path_c"]), text=text)
        if kind := groups["row"]:
            path = _steps(groups["column"])
            return Reference(kind=cast(ReferenceKind, kind), path=path, text=text)
        if name := groups["var"]:
            return Reference(kind="var", name=name, text=text)
        kind, _, attribute = (groups["plain"] or groups["attribute"]).partition(".")
        return Reference(kind=cast(ReferenceKind, kind), name=attribute, text=text)

    def _read_state_key(self, written: str, offset: int) -> str | None:
        faults = len(self.faults)
        key = _INNER_VARIABLE.sub(lambda inner: self._value_of(inner[1], offset), written)
        if len(self.faults) > faults:
            return None
        if len(key) > MAX_KEY_CHARACTERS or "" in key.split(".") or re.search(r"[\s{}]", key):
            hint = f"write up to {MAX_KEY_CHARACTERS} characters: names between dots, without blanks and braces"
            self._add_fault(offset, f"{shown(written)} is not a valid state key", hint)
            return None
        return key

    def _value_of(self, name: str, offset: int) -> str:
        value = self.environment.get(name)
        if value is None:
            self._add_fault(offset, *self._why_no_value(name))
            return ""
        self.expanded += len(value)
        if self.expanded > MAX_EXPANDED_CHARACTERS or not _is_clean(value):
            message = f"the value of ${{{shown(name)}}} can't be used here"
            self._add_fault(offset, message, "it is too long, or it is not text")
            return ""
        return value

    def _why_no_value(self, name: str) -> tuple[str, str]:
        name = shown(name)
        if self.environment.may_read(name):
            return f"${{{name}}} is not set in the environment", f"set {name} where this file is loaded"
        is_local = self.environment.is_local
        why = "its name or value looks like a secret" if is_local else "it is not an allowed variable"
        hint = f"list {name} in [environment] allow of the settings, or pass it as {OPEN_PREFIX}{name}"
        return f"${{{name}}} may not be read from the environment: {why}", hint

    def _add_wrong(self, match: re.Match[str]) -> None:
        self.literal.append(match.group())
        if match.group().endswith("{"):
            message = "a reference may contain only names and dots, and in a state key ${NAME}"
        else:
            message = f"{shown(match.group())} is not a reference"
        self._add_fault(match.start(), message, f"{_suggest_form(match.group())}; {_LITERALLY}")

    def _add_fault(self, offset: int, message: str, hint: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(offset, message, hint))

    def _end_literal(self) -> None:
        text = "".join(self.literal)
        if text:
            self.parts.append(text)
        self.literal.clear()


def _steps(path: str | None) -> tuple[str, ...]:
    return tuple((path or "").split(".")[1:])


def _is_clean(text: str) -> bool:
    return "\0" not in text and not re.search("[\ud800-\udfff]", text)


def suggest_reference(meant: str) -> str:
    """Return a hint with the reference that `vars.x`, `Act.b`, `state` and the like were probably meant to be."""
    if re.match(r"\w+[/\[]", meant):
        meant = re.sub(r"[\[\]'\"/.]+", ".", meant)
    head, _, rest = re.match(r"(\w+)([.:]?)(.*)", meant).groups()  # type: ignore[union-attr]  # it begins with a word
    head, rest = head.lower(), rest.strip(".")
    word = head if head == "previous" or (head == "iterations" and not rest) else head.removesuffix("s")
    word = {"env": "environment", "var": "variable"}.get(word, word)
    match word, rest:
        case "act", "":
            return "an act's output is {act.NAME.output}"
        case "act", _:
            name, _, path = rest.partition(".")
            return f"did you mean {{act.{name}.{path or 'output'}}}?"
        case "state", "":
            return "state is {state.KEY}"
        case "variable", "":
            return "a variable is {var.NAME}"
        case "previous", _:
            path = rest.removeprefix("output").strip(".")
            return f"did you mean {{{{previous{'.' if path else ''}{path}}}}}?"
        case "environment", _:
            return f"did you mean ${{{rest or 'NAME'}}}?"
        case "row", _ if rest:
            return f"did you mean {{row.{rest}}}?"
        case "run" | "narrative", _:
            return f"did you mean {{{'run.id' if word == 'run' else 'narrative.name'}}}?"
        case "state" | "variable", _:
            return f"did you mean {{{'var' if word == 'variable' else word}.{rest}}}?"
        case _:
            return f"did you mean {{{word}}}?"


def _suggest_form(wrong: str) -> str:
    forms = {
        "act": "an act's output is {act.NAME.output}",
        "state": "state is {state.KEY}",
        "var": "a variable is {var.NAME}",
        "run": "the run has only {run.id}",
        "narrative": "the narrative has only {narrative.name}",
        "env": "the environment is ${NAME}",
    }
    word = re.search("[a-z]+", wrong)
    return forms[word.group()] if word else ""
