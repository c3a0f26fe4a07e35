"""Checks what gates have performed again: acts in a row before them, each of which can be repeated as a whole."""

from __future__ import annotations

from collections.abc import Collection

from botticelli.narrative.assembly.draft import NarrativeDraft
from botticelli.narrative.model import Act, TableInput
from botticelli.narrative.source.problems import Problems, did_you_mean, shown


def check_loops(draft: NarrativeDraft, performing: Collection[str], problems: Problems) -> None:
    """Report each `redo` that can't be followed. `performing` are the acts that perform other narratives."""
    loops: list[tuple[int, int]] = []
    order = draft.outline.order
    for place, name in enumerate(order):
        gate = draft.acts[name].gate if name in draft.acts else None
        if gate is None or gate.redo is None:
            continue
        path = (*draft.outline.acts[name].path, "redo")
        earlier = order[: place + 1]
        fault = _fault_of_name(draft, gate.redo, earlier) or _fault_of_needs(draft)
        if fault is not None:
            problems.add(path, *fault)
            continue
        start = place - earlier[::-1].index(gate.redo)
        blocking = next((act for act in earlier[start:] if _blocks(draft.acts[act], act in performing)), None)
        if blocking is not None and start < place:
            reason = _reason(draft.acts[blocking], blocking in performing)
            problems.add(path, f"act {blocking} can't be performed again: it {reason}", "move it behind this act")
        if any(begin < start <= end < place for begin, end in loops):
            problems.add(path, f"begins within what another gate has performed again: act {shown(gate.redo)}", _NEST)
        loops.append((start, place))


_NEST = "begin at the same act, or behind that gate"


def _fault_of_name(draft: NarrativeDraft, redo: str, earlier: Collection[str]) -> tuple[str, str] | None:
    if redo in earlier:
        return None
    if redo in draft.outline.acts:
        return f"act {redo} does not come before this one", "name an act that does"
    return f"there is no act {shown(redo)}", did_you_mean(redo, draft.outline.acts, otherwise="the acts are")


def _fault_of_needs(draft: NarrativeDraft) -> tuple[str, str] | None:
    if any(act.needs is not None for act in draft.acts.values()):
        return "acts with needs have no order to go back in", "remove needs, or redo"
    return None


def _blocks(act: Act, performs: bool) -> bool:
    return bool(_reason(act, performs))


def _reason(act: Act, performs: bool) -> str:
    """Return why an act can't be performed again; empty when it can."""
    if performs:
        return "performs another narrative"
    if act.carousel is not None or act.foreach is not None:
        return "has turns of its own"
    takes = any(isinstance(input_, TableInput) and input_.pull_and_delete for input_ in act.inputs)
    return "takes rows out of a table" if takes else ""
