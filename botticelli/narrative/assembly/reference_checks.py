"""What acts may say about each other: a reference reads only an act that is done before, and only what that act has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from botticelli.narrative.assembly.act_order import Waits
from botticelli.narrative.assembly.draft import Draft
from botticelli.narrative.model import Act, Reference
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.suggest import shown
from botticelli.narrative.templates.template_reader import Use

_SINGLE_BRACES = {
    "act": "{act.NAME.output}",
    "state": "{state.KEY}",
    "var": "{var.NAME}",
    "run": "{run.id}",
    "narrative": "{narrative.name}",
    "iteration": "{iteration}",
    "iterations": "{iterations}",
    "now": "{now}",
    "timestamp": "{now}",
}
Inside = Mapping[str, Sequence[str] | None]
"""By the name of an act that performs other narratives: the names of their acts; None when they are not known."""


def check_uses(draft: Draft, seen: Waits | None, inside: Inside, problems: Problems) -> None:
    """Checks each act where it is first performed: then it can read least. `seen` is None when nobody has needs."""
    order = draft.outline.order
    checked: set[str] = set()
    for index, name in enumerate(order):
        if name in checked:
            continue
        checked.add(name)
        readable = {order[place] for place in (range(index) if seen is None else seen[index])}
        for use in draft.texts[name].uses:
            match use.reference.kind:
                case "previous" if index == 0:
                    _report(use, problems, "there is no act before the first one", "name an act, or remove it")
                case "previous" if order[index - 1] not in readable:
                    _not_needed(use, order[index - 1], problems)
                case "act" if use.reference.name in readable:
                    _check_path(use, draft.acts[use.reference.name], inside, problems)
                case "act":
                    _unreadable(use, name, draft, order[:index], problems)
                case _:
                    pass


def check_braces(draft: Draft, problems: Problems) -> None:
    """`{NAME.output}` of an act is a mistake; `{NAME}` of an act or of a variable is probably one, and only warned of."""
    acts, variables = draft.outline.acts, draft.narrative.variables
    for name, texts in draft.texts.items():
        for loose in texts.loose:
            braces, written = loose.braces, f"{{{loose.braces.name}{loose.braces.path}}}"
            where = f"{shown(loose.file)}: " if loose.file else ""
            literally = "write \\{ for a brace that is just a brace"
            is_act = braces.name in acts and braces.name != name
            if is_act and braces.path.split(".")[1:2] in (["output"], ["outputs"]):
                hint = f"did you mean {{act.{braces.name}{braces.path}}}? {literally}"
                problems.add(loose.path, f"{where}{shown(written)} is no reference", hint, offset=loose.offset)
            elif not braces.path and (is_act or braces.name in variables):
                meant = f"{{act.{braces.name}.output}}" if is_act else f"{{var.{braces.name}}}"
                message = f"{where}{shown(written)} is printed as it is"
                problems.warn(loose.path, message, f"did you mean {meant}? {literally}", offset=loose.offset)


def _unreadable(use: Use, reader: str, draft: Draft, earlier: Collection[str], problems: Problems) -> None:
    name, outline = use.reference.name, draft.outline
    if name == reader:
        _report(use, problems, "an act can't read its own output", "an act sees only the acts before it")
    elif name in earlier:
        _not_needed(use, name, problems)
    elif name in outline.order:
        _report(use, problems, f"act {name} comes later", "an act sees only the acts before it")
    elif name in outline.acts:
        _report(use, problems, f"act {name} is not in the toc, so it is never performed", "put it into the order")
    elif name in _SINGLE_BRACES:
        _report(use, problems, f"there is no act {name}", f"did you mean {_SINGLE_BRACES[name]}?")
    else:
        hint = problems.guess(name, outline.acts, otherwise="the acts are")
        _report(use, problems, f"there is no act {shown(name)}", hint)


def _not_needed(use: Use, name: str, problems: Problems) -> None:
    _report(use, problems, f"act {name} may run later: it is not among the needs", f'add "{name}" to needs')


def _check_path(use: Use, act: Act, inside: Inside, problems: Problems) -> None:
    match use.reference.path:
        case ("acts", *_) if act.name in inside:
            names = inside[act.name]
            unknown = None if names is None else _stray(use.reference, names)
            if unknown is not None:
                hint = problems.guess(unknown, names or (), otherwise="its acts are")
                _report(use, problems, f"what act {act.name} performs has no act {shown(unknown)}", hint)
        case ("acts", *_):
            hint = f"read {{act.{act.name}.output}}"
            _report(use, problems, f"act {act.name} performs no narrative, so it has no acts", hint)
        case ("outputs", *rest):
            _check_turn(use, rest, act, problems)
        case _:
            pass


def steps_inside(reference: Reference, inside: Inside) -> Reference:
    """A reference to an act of another narrative, by the name of that act in the flat list."""
    name, path = reference.name, reference.path
    names = inside.get(name) if reference.kind == "act" else None
    if names is None:
        return reference
    found, rest = _inner(path[1:] if path[:2] == ("output", "acts") else path, names)
    if not found:
        return reference
    path = rest if rest[:1] in (("output",), ("outputs",)) else ("output", *rest)
    return reference.model_copy(update={"name": f"{name}.acts.{found}", "path": path})


def _inner(path: Sequence[str], names: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The name of the innermost act that `acts.x.acts.y` leads to, and what is left of the path."""
    found, rest = "", tuple(path)
    while len(rest) > 1 and rest[0] == "acts":
        name = f"{found}.acts.{rest[1]}" if found else rest[1]
        if name not in names:
            break
        found, rest = name, rest[2:]
    return found, rest


def _stray(reference: Reference, names: Collection[str]) -> str | None:
    """The name that leads nowhere, if there is one."""
    found, rest = _inner(reference.path, names)
    if found and rest[:1] != ("acts",):
        return None
    return ".acts.".join(one for one in (found, rest[1] if len(rest) > 1 else "") if one)


def _check_turn(use: Use, rest: Sequence[str], act: Act, problems: Problems) -> None:
    if act.carousel is None:
        hint = f"read {{act.{act.name}.output}}"
        _report(use, problems, f"act {act.name} has no carousel, so it has one output", hint)
    elif rest and not (rest[0].isascii() and rest[0].isdigit() and int(rest[0][:9]) < act.carousel.iterations):
        last = act.carousel.iterations - 1
        _report(use, problems, f"act {act.name} has no output {shown(rest[0])}", f"they are numbered from 0 to {last}")


def _report(use: Use, problems: Problems, message: str, hint: str) -> None:
    text = f"{use.place}{shown(use.reference.text)}: {message}"
    problems.add(use.path, text, hint, offset=use.offset)
