"""Puts the acts of another narrative in front of the act that performs it, in the flat list that workers perform.

Computes positions and names only; `compose` decides which narrative is meant and whether it may be performed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from botticelli.narrative.execution import PARAMETERS, first_given, placed_in
from botticelli.narrative.model import Act, Input, Narrative, NarrativeInput, Reference, Scope
from botticelli.narrative.templates.references import map_references


@dataclass(frozen=True, slots=True)
class Embedded:
    """Holds a narrative that an act performs: complete and flat. `file` is its file; empty for the same file."""

    narrative: Narrative
    file: str = ""

    @property
    def acts(self) -> tuple[Act, ...]:
        return self.narrative.acts


@dataclass(slots=True)
class FlatActs:
    """Collects the flat list of acts. With `is_ordered` each act lists what it waits for, else it waits for all before it."""

    is_ordered: bool
    variables: Mapping[str, str]
    acts: list[Act] = field(default_factory=list)

    def add(self, act: Act, inners: Sequence[Embedded], after: Sequence[int]) -> int:
        """Add one act behind the acts that it performs, once per turn, and return its position.

        `after` are the positions of the acts it needs.
        """
        start, ends = len(self.acts), []
        turns = act.carousel.iterations if act.carousel else 1
        entry = tuple(after)
        for inner in inners:
            own = []
            for turn in range(1, turns + 1):
                entry = self._add_turn(act, inner, entry, (turn, turns) if act.carousel else None)
                own.append(len(self.acts) - 1)
            ends.append(tuple(own))
        inputs = _with_ends(act, ends)
        composes = start if inners else None
        waits = self._waits(entry if not inners else range(start, len(self.acts)))
        act = self._with_loop(act)
        self.acts.append(act.model_copy(update={"inputs": inputs, "composes": composes, "after": waits}))
        return len(self.acts) - 1

    def _with_loop(self, act: Act) -> Act:
        """Write into the gate how many positions before it the act stands that it has redone."""
        if act.gate is None or act.gate.redo in (None, act.name):
            return act
        start = max(position for position, earlier in enumerate(self.acts) if earlier.name == act.gate.redo)
        return act.model_copy(update={"gate": act.gate.model_copy(update={"back": len(self.acts) - start})})

    def _add_turn(
        self, act: Act, inner: Embedded, entry: tuple[int, ...], turn: tuple[int, int] | None
    ) -> tuple[int, ...]:
        """Add one turn of a narrative and return its positions, for which later acts must wait."""
        start = len(self.acts)
        prefix = f"{act.name}.acts."

        def renamed(reference: Reference) -> Reference:
            is_act = reference.kind == "act"
            return reference.model_copy(update={"name": prefix + reference.name}) if is_act else reference

        for number, inner_act in enumerate(inner.acts):
            scope = self._build_scope(inner_act, inner, prefix, start, turn)
            update = {"name": prefix + inner_act.name, "scope": scope}
            update |= _defaults(inner_act, inner.narrative, act, inner.file)
            after = entry if number == 0 else (start + number - 1,)
            if inner_act.after is not None:
                after = tuple(start + position for position in inner_act.after) or entry
            update |= {"after": self._waits(after), "inputs": _shift_ends(inner_act, start)}
            if inner_act.composes is not None:
                update["composes"] = start + inner_act.composes
            self.acts.append(map_references(inner_act.model_copy(update=update), renamed))
        return tuple(range(start, len(self.acts)))

    def _build_scope(self, act: Act, inner: Embedded, prefix: str, start: int, turn: tuple[int, int] | None) -> Scope:
        known = {**self.variables, **inner.narrative.variables}
        own = (inner.narrative.security,) if inner.narrative.security else ()
        if act.scope is not None:
            return act.scope.model_copy(
                update={
                    "prefix": prefix + act.scope.prefix,
                    "start": start + act.scope.start,
                    "file": act.scope.file or inner.file,
                    "variables": known | act.scope.variables,
                    "securities": (*own, *act.scope.securities),
                    "content": inner.narrative.content_for(act),
                }
            )
        number, count = turn or (None, None)
        return Scope(
            narrative=inner.narrative.name,
            prefix=prefix,
            start=start,
            file=inner.file,
            variables=known,
            iteration=number,
            iterations=count,
            securities=own,
            content=inner.narrative.content,
        )

    def _waits(self, after: Collection[int]) -> tuple[int, ...] | None:
        return tuple(after) if self.is_ordered else None


def _defaults(act: Act, inner: Narrative, performer: Act, file: str) -> dict[str, object]:
    """Fill in what an act leaves open from its narrative, then from the act that performs it."""
    chooser = next((level for level in (act, inner, performer) if level.model is not None), act)
    defaults: dict[str, object] = {"model": chooser.model, "fallbacks": chooser.fallbacks}
    parameters = first_given((placed_in(act, file), placed_in(inner, file), performer))
    defaults |= {name: getattr(parameters, name) for name in (*PARAMETERS, "places")}
    defaults["retries"] = performer.retries if act.retries is None else act.retries
    if act.scope is None:
        defaults["system"] = act.system or inner.system
    return defaults


def _with_ends(act: Act, ends: Sequence[tuple[int, ...]]) -> tuple[object, ...]:
    left = iter(ends)
    return tuple(
        input_.model_copy(update={"ends": next(left)}) if isinstance(input_, NarrativeInput) else input_
        for input_ in act.inputs
    )


def _shift_ends(act: Act, by: int) -> tuple[object, ...]:
    """Return the inputs of an act with the positions of other narratives shifted."""

    def shift(input_: Input) -> Input:
        if not isinstance(input_, NarrativeInput):
            return input_
        return input_.model_copy(update={"ends": tuple(by + end for end in input_.ends)})

    return tuple(map(shift, act.inputs))
