"""Defines references to values, the templates and arguments that hold them, and conditions on them."""

from __future__ import annotations

from typing import Literal

from botticelli.narrative.frozen import Frozen

RowKind = Literal["row", "rows", "row_number"]
ROW_KINDS: tuple[RowKind, ...] = ("row", "rows", "row_number")
"""Kinds of references to the row of an iteration, which a run without rows can't resolve."""
PlainKind = Literal["act", "previous", "state", "var", "iteration", "iterations", "run", "narrative", "now"]
ReferenceKind = PlainKind | RowKind


class Reference(Frozen):
    """Refers to a value: one `{...}` of a template. `name` is the act, the variable or the state key.

    `path` leads into the value. act, previous: it begins with `output`, `outputs` or `acts`. state: `name` is the
    whole dotted key, which is split into key and path at look-up. run, narrative: `name` is the attribute (`id`, `name`).
    row, rows: `path` is the column and what is in it.
    """

    kind: ReferenceKind
    name: str = ""
    path: tuple[str, ...] = ()
    text: str
    """The reference as written, for error messages."""


class Template(Frozen):
    """Holds literal text and references in order. Parsed once, at load: values that are filled in are never expanded."""

    parts: tuple[str | Reference, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(part for part in self.parts if isinstance(part, Reference))


class NestedArguments(Frozen):
    """Holds a list or a table among the arguments of a command; exactly one of the two is set."""

    array: tuple[Value, ...] | None = None
    table: dict[str, Value] | None = None


Value = Template | NestedArguments | bool | int | float


Order = Literal["<", "<=", ">", ">="]


class Condition(Frozen):
    """Holds a condition: the reference exists and is truthy, is the text `equals`, or is a number in `order` to `bound`.

    `negate` inverts it.
    """

    reference: Reference
    negate: bool = False
    equals: str | None = None
    order: Order | None = None
    bound: float = 0
    line: int = 0


NestedArguments.model_rebuild()
