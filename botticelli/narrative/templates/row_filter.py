"""Parses a `where` text into a filter with sqlglot: only nodes of an allow-list pass, and values stay data. Runs no SQL.

The text itself never reaches a database (row S4 of the security notes); `row_filter_times` reads dates and times.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botticelli.narrative.model import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    Filter,
    Not,
    Operand,
    OtherColumn,
    Reference,
    Template,
)
from botticelli.narrative.templates.row_filter_times import NotAMoment, moment_of

if TYPE_CHECKING:
    from sqlglot import exp

COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,62}")
COLUMN_WORDS = "a column: letters, digits and _, in lower case"
MAX_WHERE_CHARACTERS = 10_000
MAX_TOKENS = 1_000
MAX_DEPTH = 32

_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000([0-9]+)\ue001")
_RULE = "write comparisons of a column with a value, joined by AND, OR and NOT"
_COMPARISONS = {
    "EQ": "=",
    "NEQ": "!=",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
    "Like": "like",
    "ILike": "ilike",
}
_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""Comparisons with their sides exchanged."""
_WORDS = ("default", "user", "current_role", "all", "any", "some")
"""SQL words that the parser reads as columns."""
_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_STRAY = {"\\": "a backslash", "\0": "a NUL character", ";": "a semicolon", "`": "a backquote"}


class Refused(ValueError):
    """Refuses a `where`; the message says what is wrong and what would be accepted."""


def parse_where(template: Template) -> Filter:
    """Parse the text of a filter; references in it, quoted or not, become values. Raises Refused."""
    text = _mark_references(template)
    _check_text(text)
    return _Reader(template.references).read(_parse_sql(text), 0)


def _mark_references(template: Template) -> str:
    """Return the text with a mark for each reference: inside quotes as it stands, else as a quoted text of its own."""
    text = ""
    for part in template.parts:
        if isinstance(part, str):
            if "\ue000" in part or "\ue001" in part:
                raise Refused("contains a private-use character")
            text += part
            continue
        mark = _MARK.format(len(_MARKED.findall(text)))
        text += mark if text.count("'") % 2 else f"'{mark}'"
    return text


def _check_text(text: str) -> None:
    if len(text) > MAX_WHERE_CHARACTERS:
        raise Refused(f"is longer than {MAX_WHERE_CHARACTERS:,} characters")
    outside = "".join(text.split("'")[::2])
    for character, words in _STRAY.items():
        if character in (text if character in "\\\0" else outside):
            raise Refused(f"{words} is not allowed in a filter; {_RULE}")


def _parse_sql(text: str) -> exp.Condition:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(text, read="postgres")
        if len(tokens) > MAX_TOKENS:
            raise Refused(f"has more than {MAX_TOKENS} words")
        if any(token.comments for token in tokens):
            raise Refused("a comment is not allowed in a filter")
        _check_depth(text)
        tree: exp.Condition = sqlglot.parse_one(text, read="postgres", into=exp.Condition)
    except Refused:
        raise
    except (SqlglotError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise Refused(f"is not a condition that can be read; {_RULE}") from error  # odd texts break the parser itself
    return tree


def _check_depth(text: str) -> None:
    depth = 0
    for token in re.findall(r"'[^']*'|[()]|\bnot\b", text, re.IGNORECASE):
        depth += {"(": 1, ")": -1}.get(token, 1 if token.lower() == "not" else 0)
        if depth > MAX_DEPTH:
            raise Refused(f"is nested more than {MAX_DEPTH} levels deep")


class _Reader:
    def __init__(self, references: tuple[Reference, ...]) -> None:
        self._references = references

    def read(self, node: Any, depth: int) -> Filter:
        name = type(node).__name__
        if node is None or set(_present_parts(node)) - _ALLOWED_PARTS.get(name, frozenset()):
            raise Refused(f"{_sql(node)} is not allowed in a filter; {_RULE}")
        if node.args.get("negate"):
            return Not(part=self._plain(node, name, depth))
        return self._plain(node, name, depth)

    def _plain(self, node: Any, name: str, depth: int) -> Filter:
        match name:
            case "Paren":
                return self.read(node.this, depth + 1)
            case "And" | "Or":
                parts = tuple(self.read(member, depth + 1) for member in _chain_members(node))
                return AllOf(parts=parts) if name == "And" else AnyOf(parts=parts)
            case "Not":
                return Not(part=self.read(node.this, depth + 1))
            case "In":
                return self._comparison(node, "in", node.expressions)
            case "Between":
                return self._comparison(node, "between", [node.args["low"], node.args["high"]])
            case "Is":
                return self._is(node)
            case "Boolean":
                return Constant(holds=node.this)
            case _ if name in _COMPARISONS:
                return self._binary(node, _COMPARISONS[name])
            case _:
                raise Refused(f"{_sql(node)} is not a condition; {_RULE}")

    def _binary(self, node: Any, op: Any) -> Filter:
        """Read a comparison with the column on either side; without a column it is a constant."""
        left, right = node.this, node.expression
        if not _is_column(left) and op in _FLIPPED:
            if _is_column(right):
                return Comparison(column=_column(right), op=_FLIPPED[op], values=(self._value(left),))
            constants = [_constant(side) for side in (left, right)]
            if None not in constants and len({type(constant) for constant in constants}) == 1:
                return Constant(holds=_HOLDS[op](*constants))
        return self._comparison(node, op, [right])

    def _is(self, node: Any) -> Filter:
        match type(node.expression).__name__:
            case "Null":
                return Comparison(column=_column(node.this), op="is_null")
            case "Boolean":
                return self._comparison(node, "=", [node.expression])
            case _:
                raise Refused("IS compares with NULL, TRUE or FALSE only")

    def _comparison(self, node: Any, op: Any, values: list[Any]) -> Comparison:
        if not values:
            raise Refused("IN needs a list of values")
        return Comparison(column=_column(node.this), op=op, values=tuple(map(self._value, values)))

    def _value(self, node: Any) -> Operand:
        moment = _moment(node)
        if moment is not None:
            return moment
        match type(node).__name__:
            case "Column" if _column(node) not in _WORDS:
                return OtherColumn(name=_column(node))
            case "Paren":
                return self._value(node.this)
            case "Literal" if node.is_string:
                return self._text(node.this)
            case "Literal":
                return _number(node.this)
            case "Boolean" if isinstance(node.this, bool):
                return node.this
            case "Neg" if type(node.this).__name__ == "Literal" and not node.this.is_string:
                return _number(f"-{node.this.this}")
            case _:
                raise Refused(
                    f"{_sql(node)} is not a value; compare a column with a text, a number, TRUE, FALSE, NOW() or a date"
                )

    def _text(self, text: str) -> Template:
        """Return the text with its references back in place."""
        pieces = _MARKED.split(text)
        parts = [piece if index % 2 == 0 else self._references[int(piece)] for index, piece in enumerate(pieces)]
        return Template(parts=tuple(piece for piece in parts if piece != ""))


_ALLOWED_PARTS = {
    **{name: frozenset({"this", "expression"}) for name in ("And", "Or", *_COMPARISONS)},
    **{name: frozenset({"this", "expression", "negate"}) for name in ("Is", "Like", "ILike")},
    **{name: frozenset({"this"}) for name in ("Paren", "Boolean")},
    "Not": frozenset({"this"}),
    "In": frozenset({"this", "expressions"}),
    "Between": frozenset({"this", "low", "high"}),
}
"""Allow-list of the nodes of a filter, with the parts that each may have."""


def _chain_members(node: Any) -> list[Any]:
    """Return the members of `a AND b AND c` in one list, without recursion."""
    kind, members, rest = type(node), [], node
    while type(rest) is kind:
        members.append(rest.expression)
        rest = rest.this
    return [rest, *reversed(members)]


def _present_parts(node: Any) -> list[str]:
    return [name for name, value in node.args.items() if value not in (None, False, [])]


def _moment(node: Any) -> Operand | None:
    """Read NOW(), CURRENT_DATE, DATE '2026-01-31' and the like, plus or minus intervals; None for another node.

    A plain date or time becomes a text.
    """
    try:
        moment = moment_of(node)
    except NotAMoment as error:
        raise Refused(str(error)) from error
    if moment is None or moment.offset or moment.base in ("now", "today"):
        return moment
    return Template(parts=(moment.base,))


def _constant(node: Any) -> float | str | None:
    """Return a number or a text without references; None for anything else."""
    name = type(node).__name__
    if name == "Literal" and node.is_string:
        return None if _MARKED.search(node.this) else str(node.this)
    if name == "Literal":
        return float(_number(node.this))
    if name == "Neg" and type(node.this).__name__ == "Literal" and not node.this.is_string:
        return float(_number(f"-{node.this.this}"))
    return None


def _is_column(node: Any) -> bool:
    return type(node).__name__ == "Column"


def _column(node: Any) -> str:
    inner: Any = getattr(node, "this", None)
    if type(node).__name__ != "Column" or type(inner).__name__ != "Identifier" or _present_parts(node) != ["this"]:
        raise Refused(f"{_sql(node)} is not a column; the left side of a comparison must be the name of a column")
    name: str = inner.this if inner.args.get("quoted") else inner.this.lower()
    if not COLUMN.fullmatch(name):
        raise Refused(f"{_sql(node)} is not {COLUMN_WORDS}")
    return name


def _number(text: str) -> int | float:
    for kind in (int, float):
        make: Callable[[str], int | float] = kind
        try:
            value = make(text)
        except ValueError:
            continue
        if len(text) <= 40 and abs(value) < 2**63:
            return value
        break
    raise Refused(f"{text[:40]} is not a number that can be compared")


def _sql(node: Any) -> str:
    """Return a node as SQL, shortened for messages."""
    from sqlglot import ErrorLevel

    try:
        text = node.sql(dialect="postgres", unsupported_level=ErrorLevel.IGNORE)
    except Exception:  # a node that sqlglot can't write is named by its kind
        text = type(node).__name__
    text = _MARKED.sub("{...}", text)
    return text if len(text) <= 40 else f"{text[:37]}..."
