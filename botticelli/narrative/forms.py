"""Turns both ways of writing a narrative (the list form `[[act]]`, the table form `[acts]`) into one outline.

Knows where things stand in a file and in which order acts are performed; what an act says is read elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative import keys
from botticelli.narrative.fields import IDENTIFIER, LIST, TABLE, Keys, fits, not_performed, read_table
from botticelli.narrative.problems import Problems
from botticelli.narrative.suggest import nearest, shown
from botticelli.toml_text.positions import TomlPath

MAX_ACTS = 200
RESERVED = "previous"


@dataclass(frozen=True, slots=True)
class Written:
    """A value of the document and its path."""

    path: TomlPath
    value: Any


@dataclass(frozen=True, slots=True)
class WrittenAct:
    """An act as it was written: text, a list of inputs, or a table (with `keys` to read it by)."""

    name: str
    path: TomlPath
    value: Any
    keys: Keys = keys.ACT


@dataclass(slots=True)
class Outline:
    """A file of either form. `order` holds names of `acts`, a name as often as it is performed."""

    header: Written
    acts: dict[str, WrittenAct] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    carousels: list[Written] = field(default_factory=list)
    toc_turns: Written | None = None
    resources: dict[str, Written] = field(default_factory=dict)
    """`bots`, `tables`, `media`, as far as the file has them."""


def outline(document: dict[str, Any], problems: Problems) -> Outline:
    """The outline of a parsed file; what is wrong with it is added to `problems`."""
    root = read_table(problems, (), document, keys.ROOT, what="a narrative file")
    found = Outline(_header(root, problems))
    found.resources = {kind: Written((kind,), root[kind]) for kind in ("bots", "tables", "media") if kind in root}
    _carousels(root, found)
    scenes = _acts(root, found, problems)
    found.order = list(found.acts)
    if "toc" in root:
        _toc(root["toc"], found, problems)
        if scenes:
            problems.add(("toc",), "the order is given twice", "remove either the toc or every scene")
    elif scenes:
        found.order = _by_scene(found.order, scenes)
    if len(found.order) > MAX_ACTS or len(found.acts) > MAX_ACTS:
        problems.add((), f"there are more than {MAX_ACTS} acts", "use a carousel to repeat acts")
        found.order = found.order[:MAX_ACTS]
    if not document.get("acts") and not document.get("act"):
        problems.add((), "there are no acts", 'add one: [acts.NAME] with prompt = "..."')
    return found


def _header(root: dict[str, Any], problems: Problems) -> Written:
    if "narrative" in root and "metadata" in root:
        problems.add(("metadata",), "is another word for [narrative], which is also there", "keep one of the two")
    name = "narrative" if "narrative" in root else "metadata"
    header: dict[str, Any] = dict(root.get(name, {}))
    for key in list(header):
        if key in keys.ROOT.known and key not in keys.NARRATIVE.known:
            problems.add((name, key), f"belongs to the file, not to [{name}]", "write it above every [header]")
        elif _is_narrative(key, header[key]):
            problems.add((name, key), not_performed("a file with several narratives"), "keep one narrative per file")
        else:
            continue
        del header[key]
    return Written((name,), header)


def _is_narrative(key: str, value: object) -> bool:
    """Whether a table inside [narrative] is a narrative of its own, not a misspelt table."""
    known = [*keys.NARRATIVE.known, *keys.NARRATIVE.refused, *keys.NARRATIVE.tolerated]
    return isinstance(value, dict) and key not in known and nearest(key, known) is None


def _carousels(root: dict[str, Any], found: Outline) -> None:
    inner = found.header.value.get("carousel")
    if isinstance(inner, dict):
        found.carousels.append(Written((*found.header.path, "carousel"), inner))
    if "carousel" in root:
        found.carousels.append(Written(("carousel",), root["carousel"]))


def _acts(root: dict[str, Any], found: Outline, problems: Problems) -> dict[str, int]:
    """Fills `found.acts`; returns the scenes by name, none in the table form."""
    acts = root.get("acts", {})
    if "act" in root and "acts" in root:
        problems.add(("acts",), "acts are written both as [[act]] and as [acts]", "keep one of the two forms")
    if isinstance(acts, list):
        return _listed(("acts",), acts, found, problems)
    if "act" in root:
        return _listed(("act",), root["act"], found, problems)
    if fits(problems, ("acts",), acts, TABLE):
        for name, value in list(acts.items())[: MAX_ACTS + 1]:
            here = ("acts", name)
            if not IDENTIFIER.accepts(name):
                problems.add(here, f"the name of an act must be {IDENTIFIER.words}")
            elif _is_free(name, here, problems):
                found.acts[name] = WrittenAct(name, here, value)
    return {}


def _listed(path: TomlPath, values: Sequence[Any], found: Outline, problems: Problems) -> dict[str, int]:
    scenes: dict[str, int] = {}
    for index, value in enumerate(values[: MAX_ACTS + 1]):
        here = (*path, index)
        if not fits(problems, here, value, TABLE):
            continue
        names = [key for key in ("name", "act_name") if key in value]
        if len(names) != 1:
            problems.add((*here, "name"), "name and act_name mean the same" if names else "is missing", "give one name")
            continue
        name = value[names[0]]
        if not IDENTIFIER.accepts(name) or not _is_free(name, (*here, names[0]), problems):
            name = f"?{index}"  # its own table says what is wrong with it
        if name in found.acts:
            problems.add((*here, names[0]), f"there are two acts called {name}", "give each act a name of its own")
            continue
        found.acts[name] = WrittenAct(name, here, value, keys.LISTED_ACT)
        if type(value.get("scene")) is int:
            scenes[name] = value["scene"]
    return scenes


def _is_free(name: str, path: TomlPath, problems: Problems) -> bool:
    if name == RESERVED:
        problems.add(path, f"an act can't be called {RESERVED}", "{{previous}} is the act before")
    return name != RESERVED


def _by_scene(names: list[str], scenes: dict[str, int]) -> list[str]:
    """By scene; equal scenes as in the file; an act without one stays behind the act it follows."""
    placed: dict[str, int] = {}
    scene = min(scenes.values())
    for name in names:
        scene = placed[name] = scenes.get(name, scene)
    return sorted(names, key=lambda name: placed[name])


def _toc(toc: Any, found: Outline, problems: Problems) -> None:
    path: TomlPath = ("toc",)
    if isinstance(toc, dict):
        table = read_table(problems, path, toc, keys.TOC, what="[toc]")
        if "carousel" in table:
            found.toc_turns = Written(("toc", "carousel"), table["carousel"])
        if "order" not in toc:
            return
        path, toc = ("toc", "order"), toc["order"]
    if not fits(problems, path, toc, LIST):
        return
    if not toc:
        problems.add(path, "names no act", "list the acts in the order in which they are performed")
    found.order = _ordered(path, toc[: MAX_ACTS + 1], found, problems)
    for name, act in found.acts.items():
        if name not in found.order:
            problems.warn(act.path, f"act {name} is not in the toc, so it is never performed")


def _ordered(path: TomlPath, names: Sequence[Any], found: Outline, problems: Problems) -> list[str]:
    order: list[str] = []
    for index, name in enumerate(names):
        here = (*path, index)
        if not isinstance(name, str):
            fits(problems, here, name, IDENTIFIER)
        elif name in found.acts:
            order.append(name)
        else:
            hint = problems.guess(name, found.acts, otherwise="the acts are")
            problems.add(here, f"there is no act {shown(name)}", hint)
    return order
