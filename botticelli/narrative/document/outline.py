"""Turns both ways of writing acts (the list form `[[act]]`, the table form `[acts]`) into one outline of a narrative.

An outline holds the acts as they are written, their places and their order; `assembly.draft` reads what they say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative.document.sections import NarrativeSection, NarrativeSections, TomlValue
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, LIST, TABLE, Keys, fits, read_table
from botticelli.narrative.source.problems import Problems, shown
from botticelli.toml_text.lexer import TomlPath

MAX_ACTS = 200
RESERVED = "previous"

OTHER_NARRATIVE = re.compile(r"(?:narratives\.|narrative:)([A-Za-z_][\w-]*(?:#[A-Za-z_][\w-]*)?)", re.ASCII)
"""Matches a string that names another narrative."""


@dataclass(frozen=True, slots=True)
class WrittenAct:
    """Holds an act as it was written: text, a list of inputs, or a table (with `keys` to read it by)."""

    name: str
    path: TomlPath
    value: Any
    keys: Keys = keys.ACT


@dataclass(slots=True)
class Outline:
    """Holds a narrative of either form. `order` lists names of `acts`, each as often as it is performed."""

    section: NarrativeSection
    acts: dict[str, WrittenAct] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    places: list[TomlPath] = field(default_factory=list)
    """Paths where each name of the order was written."""
    carousels: list[TomlValue] = field(default_factory=list)
    toc_turns: TomlValue | None = None
    is_alone: bool = True
    """Tells that it is the only narrative of its file, so that all acts are its own."""

    @property
    def header(self) -> TomlValue:
        return self.section.header

    @property
    def unperformed(self) -> list[WrittenAct]:
        return [act for name, act in self.acts.items() if name not in self.order]


def build_outline(sections: NarrativeSections, section: NarrativeSection, problems: Problems) -> Outline:
    """Build the outline of one narrative of a file; what is wrong with it is added to `problems`."""
    result = Outline(section, is_alone=len(sections.all) == 1)
    _collect_carousels(sections, result)
    shared, own = ActTable((), sections.root, problems), ActTable(section.header.path, section.own, problems)
    if section.key and isinstance(section.header.value.get("narrative"), str):
        own.by_name[section.key] = _performing_act(section)
        own.is_written = True
    result.acts = shared.by_name | own.by_name
    result.order = list(own.by_name or shared.by_name)
    result.places = [result.acts[name].path for name in result.order]
    scenes = own.scenes if own.by_name else shared.scenes
    if "toc" in section.own:
        _read_toc((*section.header.path, "toc"), section.own["toc"], result, problems)
    elif "toc" in sections.root and not (own.by_name and not result.is_alone):
        _read_toc(("toc",), sections.root["toc"], result, problems)
        if scenes:
            problems.add(("toc",), "the order is given twice", "remove either the toc or every scene")
    elif scenes:
        result.order = _sort_by_scene(result.order, scenes)
        result.places = [result.acts[name].path for name in result.order]
    _check_size(result, sections.has_acts or own.is_written, problems)
    return result


def _performing_act(section: NarrativeSection) -> WrittenAct:
    """Return the one act of a narrative that performs another one with a carousel or a model of its own."""
    return WrittenAct(str(section.key), section.header.path, {"narrative": section.header.value["narrative"]})


def _check_size(outline: Outline, has_acts: bool, problems: Problems) -> None:
    path = outline.header.path if outline.section.key else ()
    if len(outline.order) > MAX_ACTS or len(outline.acts) > MAX_ACTS:
        problems.add(path, f"there are more than {MAX_ACTS} acts", "use a carousel to repeat acts")
        outline.order, outline.places = outline.order[:MAX_ACTS], outline.places[:MAX_ACTS]
    if not has_acts and not outline.acts:
        problems.add(path, "there are no acts", 'add one: [acts.NAME] with prompt = "..."')


def _collect_carousels(sections: NarrativeSections, outline: Outline) -> None:
    """Collect carousels: that of the file belongs to its own narrative, or to all when it has none of its own."""
    inner = outline.header.value.get("carousel")
    if isinstance(inner, dict):
        outline.carousels.append(TomlValue((*outline.header.path, "carousel"), inner))
    if "carousel" in sections.root and sections.main in (None, outline.section):
        outline.carousels.append(TomlValue(("carousel",), sections.root["carousel"]))


class ActTable:
    """Reads the acts of the file, or of a narrative's own table. `scenes` are by name; the table form has none."""

    def __init__(self, path: TomlPath, table: Mapping[str, Any], problems: Problems) -> None:
        self.by_name: dict[str, WrittenAct] = {}
        self.scenes: dict[str, int] = {}
        self.is_written = bool(table.get("acts") or table.get("act"))
        self._problems = problems
        acts, listed = table.get("acts", {}), table.get("act")
        if listed is not None and "acts" in table:
            message = "acts are written both as [[act]] and as [acts]"
            problems.add((*path, "acts"), message, "keep one of the two forms")
        if isinstance(acts, list):
            self._read_list_form((*path, "acts"), acts)
        elif listed is not None:
            if fits(problems, (*path, "act"), listed, LIST):
                self._read_list_form((*path, "act"), listed)
        elif fits(problems, (*path, "acts"), acts, TABLE):
            self._read_table_form((*path, "acts"), acts)

    def _read_table_form(self, path: TomlPath, acts: dict[str, Any]) -> None:
        for name, value in list(acts.items())[: MAX_ACTS + 1]:
            here = (*path, name)
            if not IDENTIFIER.accepts(name):
                self._problems.add(here, f"the name of an act must be {IDENTIFIER.words}")
            elif _is_free(name, here, self._problems):
                self.by_name[name] = WrittenAct(name, here, value)

    def _read_list_form(self, path: TomlPath, values: Sequence[Any]) -> None:
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
                name = f"?{index}"  # the problem is reported with its own table
            if name in self.by_name:
                message = f"there are two acts called {name}"
                problems.add((*here, names[0]), message, "give each act a name of its own")
                continue
            self.by_name[name] = WrittenAct(name, here, value, keys.LISTED_ACT)
            if type(value.get("scene")) is int:
                self.scenes[name] = value["scene"]


def _is_free(name: str, path: TomlPath, problems: Problems) -> bool:
    if name == RESERVED:
        problems.add(path, f"an act can't be called {RESERVED}", "{{previous}} is the act before")
    return name != RESERVED


def _sort_by_scene(names: list[str], scenes: dict[str, int]) -> list[str]:
    """Sort names by scene; equal scenes keep the file's order, an act without one stays behind the act before it."""
    placed: dict[str, int] = {}
    scene = min(scenes.values())
    for name in names:
        scene = placed[name] = scenes.get(name, scene)
    return sorted(names, key=lambda name: placed[name])


def _read_toc(path: TomlPath, toc: Any, outline: Outline, problems: Problems) -> None:
    if isinstance(toc, dict):
        table = read_table(problems, path, toc, keys.TOC, subject="[toc]")
        if "carousel" in table:
            outline.toc_turns = TomlValue((*path, "carousel"), table["carousel"])
        if "order" not in toc:
            return
        path, toc = (*path, "order"), toc["order"]
    if not fits(problems, path, toc, LIST):
        return
    if not toc:
        problems.add(path, "lists no acts", "list the acts in the order in which they are performed")
    outline.order, outline.places = [], []
    for index, name in enumerate(toc[: MAX_ACTS + 1]):
        _add_to_order((*path, index), name, outline, problems)


def _add_to_order(here: TomlPath, name: Any, outline: Outline, problems: Problems) -> None:
    """Place one name of a toc; the name of another narrative stands for an act that performs it."""
    other = OTHER_NARRATIVE.fullmatch(name) if isinstance(name, str) else None
    if not isinstance(name, str):
        fits(problems, here, name, IDENTIFIER)
        return
    if name not in outline.acts and other is not None:
        written, name = name, other[1].rpartition("#")[2]
        outline.acts.setdefault(name, WrittenAct(name, here, written))
    if name not in outline.acts:
        hint = problems.guess(name, outline.acts, otherwise="the acts are")
        problems.add(here, f"there is no act {shown(name)}", hint)
        return
    outline.order.append(name)
    outline.places.append(here)
