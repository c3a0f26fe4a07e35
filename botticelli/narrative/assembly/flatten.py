"""Puts the acts of another narrative in front of the act that performs it: one flat list, as the workers perform it.

Pure arithmetic of positions and names; which narrative is meant, and whether it may be performed, is decided before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from botticelli.narrative.model import Act, Narrative, NarrativeInput, Reference, Scope
from botticelli.narrative.templates.reference_walk import mapped


@dataclass(frozen=True, slots=True)
class Inner:
    """A narrative that an act performs: whole, flat, with the file it is from when that is another one."""

    narrative: Narrative
    file: str = ""

    @property
    def acts(self) -> tuple[Act, ...]:
        return self.narrative.acts


@dataclass(slots=True)
class Flat:
    """The flat list so far. With `is_ordered` each act says what it waits for; else each waits for all before it."""

    is_ordered: bool
    variables: Mapping[str, str]
    acts: list[Act] = field(default_factory=list)

    def add(self, act: Act, inners: Sequence[Inner], after: Sequence[int]) -> int:
        """One act of the order with what it performs, `turns` times; its position. `after` are those of its needs."""
        start, ends = len(self.acts), []
        turns = act.carousel.iterations if act.carousel else 1
        entry = tuple(after)
        for inner in inners:
            own = []
            for turn in range(1, turns + 1):
                entry = self._perform(act, inner, entry, (turn, turns) if act.carousel else None)
                own.append(len(self.acts) - 1)
            ends.append(tuple(own))
        inputs = _with_ends(act, ends)
        composes = start if inners else None
        waits = self._waits(entry if not inners else range(start, len(self.acts)))
        self.acts.append(act.model_copy(update={"inputs": inputs, "composes": composes, "after": waits}))
        return len(self.acts) - 1

    def _perform(self, act: Act, inner: Inner, entry: tuple[int, ...], turn: tuple[int, int] | None) -> tuple[int, ...]:
        """One turn of a narrative; what waits for all of it waits for the positions that come back."""
        start = len(self.acts)
        prefix = f"{act.name}.acts."

        def renamed(reference: Reference) -> Reference:
            is_act = reference.kind == "act"
            return reference.model_copy(update={"name": prefix + reference.name}) if is_act else reference

        for number, one in enumerate(inner.acts):
            scope = self._scope(one, inner, prefix, start, turn)
            update = {"name": prefix + one.name, "scope": scope, **_defaults(one, inner.narrative, act)}
            after = entry if number == 0 else (start + number - 1,)
            if one.after is not None:
                after = tuple(start + position for position in one.after) or entry
            update |= {"after": self._waits(after), "inputs": _moved(one, start)}
            if one.composes is not None:
                update["composes"] = start + one.composes
            self.acts.append(mapped(one.model_copy(update=update), renamed))
        return tuple(range(start, len(self.acts)))

    def _scope(self, one: Act, inner: Inner, prefix: str, start: int, turn: tuple[int, int] | None) -> Scope:
        known = {**self.variables, **inner.narrative.variables}
        own = (inner.narrative.security,) if inner.narrative.security else ()
        if one.scope is not None:
            return one.scope.model_copy(
                update={
                    "prefix": prefix + one.scope.prefix,
                    "start": start + one.scope.start,
                    "file": one.scope.file or inner.file,
                    "variables": known | one.scope.variables,
                    "securities": (*own, *one.scope.securities),
                    "content": inner.narrative.content_for(one),
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


def _defaults(one: Act, inner: Narrative, performer: Act) -> dict[str, object]:
    """What an act leaves open is said by its narrative, then by the act that performs it."""
    asked = next((said for said in (one, inner, performer) if said.model is not None), one)
    found: dict[str, object] = {"model": asked.model, "fallbacks": asked.fallbacks}
    for name in ("temperature", "max_tokens"):
        said = (getattr(one, name), getattr(inner, name), getattr(performer, name))
        found[name] = next((value for value in said if value is not None), None)
    found["retries"] = performer.retries if one.retries is None else one.retries
    if one.scope is None:
        found["system"] = one.system or inner.system
    return found


def _with_ends(act: Act, ends: Sequence[tuple[int, ...]]) -> tuple[object, ...]:
    left = iter(ends)
    return tuple(
        one.model_copy(update={"ends": next(left)}) if isinstance(one, NarrativeInput) else one for one in act.inputs
    )


def _moved(act: Act, by: int) -> tuple[object, ...]:
    return tuple(
        one.model_copy(update={"ends": tuple(by + end for end in one.ends)}) if isinstance(one, NarrativeInput) else one
        for one in act.inputs
    )
