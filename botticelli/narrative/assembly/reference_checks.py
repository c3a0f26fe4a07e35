"""Checks references between acts: each reads only an act that is done before, and only what that act has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from botticelli.narrative.assembly.act_order import Waits
from botticelli.narrative.assembly.draft import NarrativeDraft
from botticelli.narrative.assembly.field_checks import check_field
from botticelli.narrative.execution import Carousel
from botticelli.narrative.model import ROW_KINDS, Act, Reference
from botticelli.narrative.source.problems import Problems, nearest, shown
from botticelli.narrative.templates.row_values import column_of
from botticelli.narrative.templates.template_reader import ReferenceUse

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
CHECKED_KINDS = ("act", "previous", "var")
"""Kinds of references that `check_uses` can find fault with."""
InnerActs = Mapping[str, Sequence[str] | None]
"""Names of the acts inside an act that performs other narratives, by its name; None when they are not known."""


def check_uses(
    draft: NarrativeDraft, seen: Waits | None, inside: InnerActs, inner: Mapping[str, Act], problems: Problems
) -> None:
    """Check each act where it is first performed, where it can read least. `seen` is None when no act has needs.

    `inner` are the acts inside others, by their whole names.
    """
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
                case "previous" if draft.acts[order[index - 1]].skip_if is None:
                    check_field(use, draft.acts[order[index - 1]], use.reference.path, problems)
                case "act" if use.reference.name in readable or (use.reference.name, use.path[-1]) == (
                    name,
                    "accept_if",
                ):
                    _check_path(use, draft.acts[use.reference.name], inside, problems)
                    act, path = _meant_act(use.reference, draft, inside, inner)
                    check_field(use, act, path, problems)
                case "act":
                    _unreadable(use, name, draft, order[:index], problems)
                case "var" if use.reference.name not in draft.narrative.variables:
                    _warn_of_variable(use, draft.narrative.variables, problems)
                case _:
                    pass


def check_row_uses(draft: NarrativeDraft, problems: Problems) -> None:
    """Check references to the row of an iteration against the columns, where they are known."""
    carousel = draft.narrative.carousel
    assert carousel is not None
    assert carousel.foreach is not None, "only checked for a narrative with rows"
    names = [name for name in dict.fromkeys(draft.outline.order) if draft.acts[name].foreach is None]
    texts = (draft.texts[name].uses for name in names)
    for use in (*draft.header_uses, *(use for uses in texts for use in uses)):
        if use.reference.kind in ROW_KINDS:
            _check_row_use(use, carousel, carousel.foreach.columns, problems)


def _check_row_use(use: ReferenceUse, carousel: Carousel, columns: Sequence[str] | None, problems: Problems) -> None:
    path = use.reference.path
    if carousel.batch_rows is None and use.reference.kind == "rows":
        _report(use, problems, "an iteration has one row", "write {row}, or set batch_rows")
    elif carousel.batch_rows is not None and use.reference.kind != "rows":
        _report(use, problems, f"an iteration has {carousel.batch_rows} rows", "write {rows}, or remove batch_rows")
    elif use.reference.kind == "row" and path and columns is not None and column_of(path, columns) is None:
        hint = problems.guess(".".join(path), columns, otherwise="the columns are")
        _report(use, problems, f"the rows have no column {shown('.'.join(path))}", hint)


def check_braces(draft: NarrativeDraft, problems: Problems) -> None:
    """Report `{NAME.output}` of an act as a problem, and warn of `{NAME}` of an act or of a variable."""
    acts, variables = draft.outline.acts, draft.narrative.variables
    for name, texts in draft.texts.items():
        for loose in texts.loose:
            braces, written = loose.braces, f"{{{loose.braces.name}{loose.braces.path}}}"
            where = f"{shown(loose.file)}: " if loose.file else ""
            literally = "write \\{ for a brace that is just a brace"
            is_act = braces.name in acts and braces.name != name
            if is_act and braces.path.split(".")[1:2] in (["output"], ["outputs"]):
                hint = f"did you mean {{act.{braces.name}{braces.path}}}? {literally}"
                problems.add(loose.path, f"{where}{shown(written)} is not a reference", hint, offset=loose.offset)
            elif not braces.path and (is_act or braces.name in variables):
                meant = f"{{act.{braces.name}.output}}" if is_act else f"{{var.{braces.name}}}"
                message = f"{where}{shown(written)} is printed as it is"
                problems.warn(loose.path, message, f"did you mean {meant}? {literally}", offset=loose.offset)


def _unreadable(
    use: ReferenceUse, reader: str, draft: NarrativeDraft, earlier: Collection[str], problems: Problems
) -> None:
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


def _warn_of_variable(use: ReferenceUse, variables: Collection[str], problems: Problems) -> None:
    """Warn of a variable without a default whose name is nearly that of another: `--var` may still give its value."""
    guess = nearest(use.reference.name, variables)
    if guess is not None:
        text = f"{use.place}{shown(use.reference.text)}: there is no variable {use.reference.name} in variables"
        problems.warn(use.path, text, f"did you mean {{var.{guess}}}?", offset=use.offset)


def _not_needed(use: ReferenceUse, name: str, problems: Problems) -> None:
    _report(use, problems, f"act {name} may run later: it is not among the needs", f'add "{name}" to needs')


def _check_path(use: ReferenceUse, act: Act, inside: InnerActs, problems: Problems) -> None:
    match use.reference.path:
        case ("acts", *_) if act.name in inside:
            names = inside[act.name]
            unknown = None if names is None else _stray(use.reference, names)
            if unknown is not None:
                hint = problems.guess(unknown, names or (), otherwise="its acts are")
                _report(use, problems, f"the narrative that act {act.name} performs has no act {shown(unknown)}", hint)
        case ("acts", *_):
            hint = f"read {{act.{act.name}.output}}"
            _report(use, problems, f"act {act.name} performs no narrative, so it has no acts", hint)
        case ("outputs", *rest):
            _check_turn(use, rest, act, problems)
        case _:
            pass


def resolve_inner_act(reference: Reference, inside: InnerActs) -> Reference:
    """Turn a reference to an act of another narrative into one to that act in the flat list."""
    name, path = reference.name, reference.path
    names = inside.get(name) if reference.kind == "act" else None
    if names is None:
        return reference
    inner, rest = _inner(path[1:] if path[:2] == ("output", "acts") else path, names)
    if not inner:
        return reference
    path = rest if rest[:1] in (("output",), ("outputs",)) else ("output", *rest)
    return reference.model_copy(update={"name": f"{name}.acts.{inner}", "path": path})


def _inner(path: Sequence[str], names: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the innermost act that `acts.x.acts.y` leads to, and the rest of the path."""
    inner, rest = "", tuple(path)
    while len(rest) > 1 and rest[0] == "acts":
        name = f"{inner}.acts.{rest[1]}" if inner else rest[1]
        if name not in names:
            break
        inner, rest = name, rest[2:]
    return inner, rest


def _stray(reference: Reference, names: Collection[str]) -> str | None:
    """Return the name of the act that does not exist, if there is one."""
    inner, rest = _inner(reference.path, names)
    if inner and rest[:1] != ("acts",):
        return None
    return ".acts.".join(part for part in (inner, rest[1] if len(rest) > 1 else "") if part)


def _meant_act(
    reference: Reference, draft: NarrativeDraft, inside: InnerActs, inner: Mapping[str, Act]
) -> tuple[Act, Sequence[str]]:
    """Return the act whose answer is read, and the path into it."""
    resolved = resolve_inner_act(reference, inside)
    return inner.get(resolved.name, draft.acts[reference.name]), resolved.path


def _check_turn(use: ReferenceUse, rest: Sequence[str], act: Act, problems: Problems) -> None:
    if act.carousel is None:
        hint = f"read {{act.{act.name}.output}}"
        _report(use, problems, f"act {act.name} has no carousel, so it has one output", hint)
    elif rest and not (rest[0].isascii() and rest[0].isdigit() and int(rest[0][:9]) < act.carousel.iterations):
        last = act.carousel.iterations - 1
        _report(use, problems, f"act {act.name} has no output {shown(rest[0])}", f"they are numbered from 0 to {last}")


def _report(use: ReferenceUse, problems: Problems, message: str, hint: str) -> None:
    text = f"{use.place}{shown(use.reference.text)}: {message}"
    problems.add(use.path, text, hint, offset=use.offset)
