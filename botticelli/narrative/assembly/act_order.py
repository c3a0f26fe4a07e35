"""Which acts an act waits for, and so which it sees. Without any `needs` an act waits for all acts before it.

Performs nothing: the workers keep the order that is written into the model here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botticelli.narrative.assembly.draft import Draft
from botticelli.narrative.model import Act
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.suggest import shown

Waits = list[frozenset[int]]
"""For each place in the order of a narrative, the places of the acts that it waits for."""


def arrange(draft: Draft, problems: Problems) -> Waits | None:
    """Brings the order of a draft into one in which each act stands behind its needs; None when no act has any.

    An act that says nothing about needs waits for the acts that it refers to.
    """
    outline = draft.outline
    if not any(act.needs is not None for act in draft.acts.values()):
        return None
    needs = {name: _known_needs(draft, name, problems) for name in dict.fromkeys(outline.order)}
    is_plain = len(needs) == len(outline.order)
    if is_plain:
        place = dict(zip(outline.order, outline.places, strict=True))
        outline.order = _sorted(draft, needs, problems)
        outline.places = [place[name] for name in outline.order]
    return [
        _waits(draft, index, needs[name], None if is_plain else problems) for index, name in enumerate(outline.order)
    ]


def seen_by(waits: Sequence[frozenset[int]]) -> Waits:
    """With what is waited for in turn: all places that are done before each one is performed."""
    seen: Waits = []
    for direct in waits:
        seen.append(direct.union(*(seen[index] for index in direct)))
    return seen


def visible(acts: Sequence[Act]) -> Waits:
    """For each position of a whole narrative, the positions of the acts that are done before it."""
    if any(act.after is None for act in acts):
        return [frozenset(range(index)) for index in range(len(acts))]
    return seen_by([frozenset(act.after or ()) for act in acts])


def _known_needs(draft: Draft, name: str, problems: Problems) -> list[str]:
    act, order = draft.acts[name], draft.outline.order
    good = []
    for need, path in zip(act.needs or (), draft.needs.get(name, ()), strict=True):
        if need == name:
            problems.add(path, "an act can't need itself")
        elif need in order:
            good.append(need)
        elif need in draft.outline.acts:
            problems.add(path, f"act {need} is not in the toc, so it is never performed", "put it into the order")
        else:
            hint = problems.guess(need, draft.outline.acts, otherwise="the acts are")
            problems.add(path, f"there is no act {shown(need)}", hint)
    return good


def _sorted(draft: Draft, needs: Mapping[str, Sequence[str]], problems: Problems) -> list[str]:
    """As they are written, each behind its needs. A circle is a problem; its acts stay as they are written."""
    done: list[str] = []
    circled = False

    def place(name: str, chain: tuple[str, ...]) -> None:
        nonlocal circled
        if name in done or circled:
            return
        if name in chain:
            circle = " -> ".join((*chain[chain.index(name) :], name))
            problems.add((*draft.outline.acts[name].path, "needs"), f"the needs go round in a circle: {circle}")
            circled = True
            return
        for need in needs[name]:
            place(need, (*chain, name))
        done.append(name)

    for name in draft.outline.order:
        place(name, ())
    return draft.outline.order if circled else done


def _waits(draft: Draft, index: int, needs: Sequence[str], problems: Problems | None) -> frozenset[int]:
    """With `problems` the order stays as it is written: an act that stands in it twice can't be moved."""
    order = draft.outline.order
    name, earlier = order[index], order[:index]
    named = set(needs)
    if draft.acts[name].needs is None:
        uses = [use.reference for use in draft.texts[name].uses]
        named = {one.name for one in uses if one.kind == "act"}
        if index and any(one.kind == "previous" for one in uses):
            named.add(earlier[-1])
    elif problems is not None:
        for need, path in zip(draft.acts[name].needs or (), draft.needs[name], strict=True):
            if need in order and need not in earlier and need != name:
                problems.add(path, f"act {need} comes later", "write it before this act")
    return frozenset(place for place, one in enumerate(earlier) if one in named)
