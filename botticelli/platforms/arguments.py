"""Checks the arguments of a command against its catalogue entry, at load and again once rendered. Performs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from botticelli.platforms.protocol import Arg, CommandSpec


class _Templated:
    def __repr__(self) -> str:
        return "a template"


TEMPLATED: Final = _Templated()
"""Stands for a value that is only known when the act is performed."""
_WHITE = 0xFFFFFF
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Fault:
    """Holds the problem with the argument `name`, and the remedy."""

    name: str
    message: str
    hint: str = ""
    is_of_sample: bool = False
    """Narratives of the earlier system contain it on purpose: a text or a name instead of an id, missing or additional
    arguments. It is not a typing error."""


@dataclass(slots=True)
class Checked:
    """Holds checked arguments by canonical name and type. With `faults`, the command can't be performed."""

    args: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)


class _Wrong(ValueError):
    """Signals an invalid argument; the text says what is expected."""


class _Placeholder(_Wrong):
    """Signals a text where an id is expected."""


def check_arguments(spec: CommandSpec, given: Mapping[str, Any], *, default_guild: str | None = None) -> Checked:
    """Check `given` arguments. TEMPLATED values pass; a number beyond a bound becomes the bound, with a warning."""
    checked = Checked()
    if spec.args is None:
        checked.args = dict(given)
        return checked
    for name, value in given.items():
        _one(checked, spec.args, name, value)
    if "guild_id" in spec.args and "guild_id" not in checked.args and spec.args["guild_id"].required and default_guild:
        checked.args["guild_id"] = default_guild
    faulty = {_id_meant_by(fault.name, spec.args) or _own_name(spec.args, fault.name) for fault in checked.faults}
    for name, arg in spec.args.items():
        if name in checked.args or name in faulty:
            continue
        if arg.required:
            hint = (
                "write it, or set platforms.discord.options.guild_id" if name == "guild_id" else f"write {name} = ..."
            )
            checked.faults.append(Fault(name, f"is required by {spec.name}", hint, is_of_sample=True))
        elif arg.default is not None:
            checked.args[name] = arg.default
    if spec.changes and not faulty.union(checked.args).intersection(spec.changes):
        checked.faults.append(
            Fault("args", f"contain nothing for {spec.name} to change", f"give {_either(spec.changes)}")
        )
    return checked


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _one(checked: Checked, args: Mapping[str, Arg], name: str, value: Any) -> None:
    own = _own_name(args, name)
    if own not in args:
        checked.faults.append(_unknown(name, args))
    elif own in checked.args:
        checked.faults.append(Fault(name, f"is another name of {own}, which is given too", "keep one of them"))
    elif value is TEMPLATED:
        checked.args[own] = value
    else:
        try:
            checked.args[own] = _TYPES[args[own].type](args[own], value, lambda text: _warn(checked, name, text))
        except _Wrong as error:
            checked.faults.append(Fault(name, str(error), is_of_sample=isinstance(error, _Placeholder)))


def _unknown(name: str, args: Mapping[str, Arg]) -> Fault:
    meant = _id_meant_by(name, args)
    if meant is not None:
        return Fault(
            name,
            "is not an argument of this command: names are not looked up",
            f"write {meant} = ...",
            is_of_sample=True,
        )
    guess = _nearest(name, args)
    if guess is not None:
        return Fault(name, "is not an argument of this command", f"did you mean {guess}?")
    return Fault(name, "is not an argument of this command", f"it has {', '.join(args) or 'none'}", is_of_sample=True)


def _id_meant_by(name: str, args: Mapping[str, Arg]) -> str | None:
    """Return the argument that takes the id in place of `channel_name` and the like; None if there is none."""
    meant = f"{name.removesuffix('_name')}_id"
    return meant if name.endswith("_name") and name not in args and meant in args else None


def _warn(checked: Checked, name: str, text: str) -> None:
    checked.warnings.append(Fault(name, text))


def _own_name(args: Mapping[str, Arg], name: str) -> str:
    return name if name in args else next((own for own, arg in args.items() if name in arg.aliases), name)


def _nearest(name: str, args: Mapping[str, Arg]) -> str | None:
    from difflib import get_close_matches

    known = {alias: own for own, arg in args.items() for alias in (own, *arg.aliases)}
    close_matches = get_close_matches(name[:64].lower(), known, 1, 0.6)
    return known[close_matches[0]] if close_matches else None


Warn = Callable[[str], None]


def _identity(arg: Arg, value: Any, warn: Warn) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.strip().isdigit() and len(value.strip()) <= 20:
        return value.strip()
    raise (_Placeholder if isinstance(value, str) and value.strip() else _Wrong)("must be an id: digits")


def _identities(arg: Arg, value: Any, warn: Warn) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong("must be a list of ids")
    return list(dict.fromkeys(item if item is TEMPLATED else _identity(arg, item, warn) for item in value))


def _integer(arg: Arg, value: Any, warn: Warn) -> int:
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal() and len(value) < 25:
        value = int(value)
    if isinstance(value, str) and arg.most == _WHITE and _COLOR.fullmatch(value):
        value = int(value[1:], 16)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong("must be a whole number")
    if arg.choices:
        if value not in arg.choices:
            nearest = min(
                (choice for choice in arg.choices if isinstance(choice, int)), key=lambda item: abs(item - value)
            )
            warn(f"{value} is not one of {_listed(arg)}; using {nearest}")
            return nearest
        return value
    within = max(value if arg.least is None else arg.least, min(value, value if arg.most is None else arg.most))
    if within != value:
        warn(f"{value} is outside {arg.least} to {arg.most}; using {within}")
    return within


def _boolean(arg: Arg, value: Any, warn: Warn) -> bool:
    value = _TRUTH.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _text(arg: Arg, value: Any, warn: Warn) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _Wrong("must be text")
    if arg.choices and value.lower() not in arg.choices:
        raise _Wrong(f"must be one of {_listed(arg)}")
    if len(value.strip()) < (arg.least or 0):
        raise _Wrong("is empty")
    if arg.most is not None and len(value) > arg.most:
        raise _Wrong(f"has {len(value)} characters; at most {arg.most} are allowed")
    return value.lower() if arg.choices else value


def _moment(arg: Arg, value: Any, warn: Warn) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Wrong("must be a time like 2030-01-31T18:00:00+00:00") from None
    if moment.tzinfo is None:
        warn("has no time zone; using UTC")
        return moment.isoformat() + "+00:00"
    return moment.isoformat()


def _list(arg: Arg, value: Any, warn: Warn) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong("must be a list")
    if arg.most is not None and len(value) > arg.most:
        raise _Wrong(f"has {len(value)} items; at most {arg.most} are allowed")
    return value


def _anything(arg: Arg, value: Any, warn: Warn) -> Any:
    return value


def _listed(arg: Arg) -> str:
    return ", ".join(map(str, arg.choices))


_TYPES: dict[str, Callable[[Arg, Any, Warn], Any]] = {
    "id": _identity,
    "ids": _identities,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "moment": _moment,
    "list": _list,
    "any": _anything,
}
