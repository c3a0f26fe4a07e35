"""Turns both ways of writing acts (the list form `[[act]]`, the table form `[acts]`) into one outline of a narrative.

Knows where things stand in a file and in which order acts are performed; what an act says is read elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative.document.sections import Section, Sections, Written
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, LIST, TABLE, Keys, fits, read_table
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.suggest import shown
from botticelli.toml_text.positions import TomlPath

MAX_ACTS = 200
RESERVED = "previous"

OTHER_NARRATIVE = re.compile(r"(?:narratives\.|narrative:)([A-Za-z_][\w-]*(?:#[A-Za-z_][\w-]*)?)", re.ASCII)
"""How a string names another narrative."""


@dataclass(frozen=True, slots=True)
class WrittenAct:
    """An act as it was written: text, a list of inputs, or a table (with `keys` to read it by)."""

    name: str
    path: TomlPath
    value: Any
    keys: Keys = keys.ACT


@dataclass(slots=True)
class Outline:
    """A narrative in either form. `order` holds names of `acts`, a name as often as it is performed."""

    section: Section
    acts: dict[str, WrittenAct] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    places: list[TomlPath] = field(default_factory=list)
    """Where each name of the order was written."""
    carousels: list[Written] = field(default_factory=list)
    toc_turns: Written | None = None
    is_alone: bool = True
    """It is the only narrative of its file: all acts are its own."""

    @property
    def header(self) -> Written:
        return self.section.header

    @property
    def unperformed(self) -> list[WrittenAct]:
        return [act for name, act in self.acts.items() if name not in self.order]


def outline(sections: Sections, section: Section, problems: Problems) -> Outline:
    """The outline of one narrative of a file; what is wrong with it is added to `problems`."""
    found = Outline(section, is_alone=len(sections.all) == 1)
    _carousels(sections, found)
    shared, own = Acts((), sections.root, problems), Acts(section.header.path, section.own, problems)
    if section.key and isinstance(section.header.value.get("narrative"), str):
        own.found[section.key] = _performing(section)
        own.is_written = True
    found.acts = shared.found | own.found
    found.order = list(own.found or shared.found)
    found.places = [found.acts[name].path for name in found.order]
    scenes = own.scenes if own.found else shared.scenes
    if "toc" in section.own:
        _toc((*section.header.path, "toc"), section.own["toc"], found, problems)
    elif "toc" in sections.root and not (own.found and not found.is_alone):
        _toc(("toc",), sections.root["toc"], found, problems)
        if scenes:
            problems.add(("toc",), "the order is given twice", "remove either the toc or every scene")
    elif scenes:
        found.order = _by_scene(found.order, scenes)
        found.places = [found.acts[name].path for name in found.order]
    _complete(found, sections.has_acts or own.is_written, problems)
    return found


def _performing(section: Section) -> WrittenAct:
    """The one act of a narrative that performs another one, and has a carousel or a model of its own."""
    return WrittenAct(str(section.key), section.header.path, {"narrative": section.header.value["narrative"]})


def _complete(found: Outline, has_acts: bool, problems: Problems) -> None:
    path = found.header.path if found.section.key else ()
    if len(found.order) > MAX_ACTS or len(found.acts) > MAX_ACTS:
        problems.add(path, f"there are more than {MAX_ACTS} acts", "use a carousel to repeat acts")
        found.order, found.places = found.order[:MAX_ACTS], found.places[:MAX_ACTS]
    if not has_acts and not found.acts:
        problems.add(path, "there are no acts", 'add one: [acts.NAME] with prompt = "..."')


def _carousels(sections: Sections, found: Outline) -> None:
    """A carousel of the file is that of its own narrative, and without one that of all."""
    inner = found.header.value.get("carousel")
    if isinstance(inner, dict):
        found.carousels.append(Written((*found.header.path, "carousel"), inner))
    if "carousel" in sections.root and sections.main in (None, found.section):
        found.carousels.append(Written(("carousel",), sections.root["carousel"]))


class Acts:
    """The acts of one place: of the file, or of a narrative's own table. `scenes` by name, none in the table form."""

    def __init__(self, path: TomlPath, table: Mapping[str, Any], problems: Problems) -> None:
        self.found: dict[str, WrittenAct] = {}
        self.scenes: dict[str, int] = {}
        self.is_written = bool(table.get("acts") or table.get("act"))
        self._problems = problems
        acts, listed = table.get("acts", {}), table.get("act")
        if listed is not None and "acts" in table:
            message = "acts are written both as [[act]] and as [acts]"
            problems.add((*path, "acts"), message, "keep one of the two forms")
        if isinstance(acts, list):
            self._listed((*path, "acts"), acts)
        elif listed is not None:
            if fits(problems, (*path, "act"), listed, LIST):
                self._listed((*path, "act"), listed)
        elif fits(problems, (*path, "acts"), acts, TABLE):
            self._named((*path, "acts"), acts)

    def _named(self, path: TomlPath, acts: dict[str, Any]) -> None:
        for name, value in list(acts.items())[: MAX_ACTS + 1]:
            here = (*path, name)
            if not IDENTIFIER.accepts(name):
                self._problems.add(here, f"the name of an act must be {IDENTIFIER.words}")
            elif _is_free(name, here, self._problems):
                self.found[name] = WrittenAct(name, here, value)

    def _listed(self, path: TomlPath, values: Sequence[Any]) -> None:
        problems = self._problems
        for index, value in enumerate(values[: MAX_ACTS + 1]):
            here = (*path, index)
            if not fits(problems, here, value, TABLE):
                continue
            names = [key for key in ("name", "act_name") if key in value]
            if len(names) != 1:
                message = "name and act_name mean the same" if names else "is missing"
                problems.add((*here, "name"), message, "give one name")
                continue
            name = value[names[0]]
            if not IDENTIFIER.accepts(name) or not _is_free(name, (*here, names[0]), problems):
                name = f"?{index}"  # its own table says what is wrong with it
            if name in self.found:
                message = f"there are two acts called {name}"
                problems.add((*here, names[0]), message, "give each act a name of its own")
                continue
            self.found[name] = WrittenAct(name, here, value, keys.LISTED_ACT)
            if type(value.get("scene")) is int:
                self.scenes[name] = value["scene"]


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


def _toc(path: TomlPath, toc: Any, found: Outline, problems: Problems) -> None:
    if isinstance(toc, dict):
        table = read_table(problems, path, toc, keys.TOC, what="[toc]")
        if "carousel" in table:
            found.toc_turns = Written((*path, "carousel"), table["carousel"])
        if "order" not in toc:
            return
        path, toc = (*path, "order"), toc["order"]
    if not fits(problems, path, toc, LIST):
        return
    if not toc:
        problems.add(path, "names no act", "list the acts in the order in which they are performed")
    found.order, found.places = [], []
    for index, name in enumerate(toc[: MAX_ACTS + 1]):
        _place((*path, index), name, found, problems)


def _place(here: TomlPath, name: Any, found: Outline, problems: Problems) -> None:
    """One name of a toc; one that names another narrative stands for an act that performs it."""
    other = OTHER_NARRATIVE.fullmatch(name) if isinstance(name, str) else None
    if not isinstance(name, str):
        fits(problems, here, name, IDENTIFIER)
        return
    if name not in found.acts and other is not None:
        written, name = name, other[1].rpartition("#")[2]
        found.acts.setdefault(name, WrittenAct(name, here, written))
    if name not in found.acts:
        hint = problems.guess(name, found.acts, otherwise="the acts are")
        problems.add(here, f"there is no act {shown(name)}", hint)
        return
    found.order.append(name)
    found.places.append(here)
