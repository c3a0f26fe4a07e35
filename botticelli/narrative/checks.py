"""What acts may say about each other: a reference reads only an act that comes earlier, and only what that act has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botticelli.narrative.fields import not_performed
from botticelli.narrative.forms import Outline
from botticelli.narrative.model import Act
from botticelli.narrative.problems import Problems
from botticelli.narrative.suggest import shown
from botticelli.narrative.texts import Use

_SINGLE_BRACES = {
    "act": "{act.NAME.output}",
    "state": "{state.KEY}",
    "var": "{var.NAME}",
    "run": "{run.id}",
    "narrative": "{narrative.name}",
    "iteration": "{iteration}",
    "iterations": "{iterations}",
    "now": "{now}",
}


def check_header_uses(uses: Sequence[Use], problems: Problems) -> None:
    """The narrative's system text goes to every act, the first included: it can't read an act."""
    for use in uses:
        if use.reference.kind in {"act", "previous"}:
            _report(use, problems, "the system text of the narrative can't read an act", "move it into the acts")


def check_uses(
    outline: Outline, acts: Mapping[str, Act], uses: Mapping[str, Sequence[Use]], problems: Problems
) -> None:
    """Checks each act where it is first performed: then it can read least."""
    earlier: set[str] = set()
    for index, name in enumerate(outline.order):
        if name in earlier:
            continue
        for use in uses[name]:
            match use.reference.kind:
                case "previous" if index == 0:
                    _report(use, problems, "there is no act before the first one", "name an act, or remove it")
                case "act" if use.reference.name in earlier:
                    _check_path(use, acts[use.reference.name], problems)
                case "act":
                    _unreadable(use, name, outline, problems)
                case _:
                    pass
        earlier.add(name)


def _unreadable(use: Use, reader: str, outline: Outline, problems: Problems) -> None:
    name = use.reference.name
    if name == reader:
        _report(use, problems, "an act can't read its own output", "an act sees only the acts before it")
    elif name in outline.order:
        _report(use, problems, f"act {name} comes later", "an act sees only the acts before it")
    elif name in outline.acts:
        _report(use, problems, f"act {name} is not in the toc, so it is never performed", "put it into the order")
    elif name in _SINGLE_BRACES:
        _report(use, problems, f"there is no act {name}", f"did you mean {_SINGLE_BRACES[name]}?")
    else:
        hint = problems.guess(name, outline.acts, otherwise="the acts are")
        _report(use, problems, f"there is no act {shown(name)}", hint)


def _check_path(use: Use, act: Act, problems: Problems) -> None:
    match use.reference.path:
        case ("acts", *_):
            _report(use, problems, not_performed("an act that is another narrative"), "read {act.NAME.output}")
        case ("outputs", *rest):
            _check_turn(use, rest, act, problems)
        case _:
            pass


def _check_turn(use: Use, rest: Sequence[str], act: Act, problems: Problems) -> None:
    if act.carousel is None:
        hint = f"read {{act.{act.name}.output}}"
        _report(use, problems, f"act {act.name} has no carousel, so it has one output", hint)
    elif rest and not (rest[0].isascii() and rest[0].isdigit() and int(rest[0][:9]) < act.carousel.iterations):
        last = act.carousel.iterations - 1
        _report(use, problems, f"act {act.name} has no output {shown(rest[0])}", f"they are numbered from 0 to {last}")


def _report(use: Use, problems: Problems, message: str, hint: str) -> None:
    problems.add(use.path, f"{_place(use)}{shown(use.reference.text)}: {message}", hint, offset=use.offset)


def _place(use: Use) -> str:
    return f"{shown(use.file)}: " if use.file else ""
