"""Computes which acts an act waits for, and so which it sees. Without any `needs` an act waits for all acts before it.

Writes that order into the model; the workers follow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botticelli.narrative.assembly.draft import NarrativeDraft
from botticelli.narrative.model import Act
from botticelli.narrative.source.problems import Problems, shown

Waits = list[frozenset[int]]
"""Places of the acts that an act waits for, one set for each place in the order of a narrative."""


def arrange(draft: NarrativeDraft, problems: Problems) -> Waits:
    """Reorder a draft, some acts of which have needs, so that each act stands behind its needs.

    An act without `needs` waits for the acts that it refers to.
    """
    outline = draft.outline
    needs = {name: _known_needs(draft, name, problems) for name in dict.fromkeys(outline.order)}
    is_plain = len(needs) == len(outline.order)
    if is_plain:
        place = dict(zip(outline.order, outline.places, strict=True))
        outline.order = _sorted(draft, needs, problems)
        outline.places = [place[name] for name in outline.order]
    return [
        _waits(draft, index, needs[name], None if is_plain else problems) for index, name in enumerate(outline.order)
    ]


def all_before(waits: Sequence[frozenset[int]]) -> Waits:
    """Return, for each place, all places that are done before it, also those waited for indirectly."""
    seen: Waits = []
    for direct in waits:
        seen.append(direct.union(*(seen[index] for index in direct)))
    return seen


def visible(acts: Sequence[Act]) -> Waits:
    """Return, for each act of a whole narrative, the positions of the acts that are done before it."""
    if any(act.after is None for act in acts):
        return [frozenset(range(index)) for index in range(len(acts))]
    return all_before([frozenset(act.after or ()) for act in acts])


def _known_needs(draft: NarrativeDraft, name: str, problems: Problems) -> list[str]:
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


def _sorted(draft: NarrativeDraft, needs: Mapping[str, Sequence[str]], problems: Problems) -> list[str]:
    """Sort the acts as they are written, each behind its needs. A cycle is a problem and leaves the order unchanged."""
    done: list[str] = []
    has_cycle = False

    def place(name: str, chain: tuple[str, ...]) -> None:
        nonlocal has_cycle
        if name in done or has_cycle:
            return
        if name in chain:
            cycle = " -> ".join((*chain[chain.index(name) :], name))
            problems.add((*draft.outline.acts[name].path, "needs"), f"the needs form a cycle: {cycle}")
            has_cycle = True
            return
        for need in needs[name]:
            place(need, (*chain, name))
        done.append(name)

    for name in draft.outline.order:
        place(name, ())
    return draft.outline.order if has_cycle else done


def _waits(draft: NarrativeDraft, index: int, needs: Sequence[str], problems: Problems | None) -> frozenset[int]:
    """Return the places that one act waits for.

    With `problems`, a need that comes later is reported: acts can't be reordered when one of them stands in the order twice.
    """
    order = draft.outline.order
    name, earlier = order[index], order[:index]
    named = set(needs)
    if draft.acts[name].needs is None:
        uses = [use.reference for use in draft.texts[name].uses]
        named = {reference.name for reference in uses if reference.kind == "act"}
        if index and any(reference.kind == "previous" for reference in uses):
            named.add(earlier[-1])
    elif problems is not None:
        for need, path in zip(draft.acts[name].needs or (), draft.needs[name], strict=True):
            if need in order and need not in earlier and need != name:
                problems.add(path, f"act {need} comes later", "write it before this act")
    return frozenset(place for place, reference in enumerate(earlier) if reference in named)
