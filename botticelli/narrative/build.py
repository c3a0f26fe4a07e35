"""Builds the model from an outline: the narrative's header, its carousels, its acts. Checks one thing at a time;
what one act may say about another is in `checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.narrative import keys
from botticelli.narrative.checks import check_header_uses, check_uses
from botticelli.narrative.conditions import USE, read_condition
from botticelli.narrative.environment import Environment
from botticelli.narrative.fields import IDENTIFIER, NAME_WORDS, TEXT, fits, read_table
from botticelli.narrative.forms import Outline, Written, WrittenAct
from botticelli.narrative.inputs import RESOURCES, Resource, read_inputs, read_resource
from botticelli.narrative.model import Act, Carousel, Condition, Multipliers, Narrative, Template
from botticelli.narrative.problems import Problems
from botticelli.narrative.shelf import Shelf
from botticelli.narrative.source import Limits
from botticelli.narrative.suggest import shown
from botticelli.narrative.texts import Texts, Use
from botticelli.toml_text.positions import TomlPath

_ACT_FIELDS = ("temperature", "max_tokens", "output_var", "format", "history", "retries", "extract_output")
_CONTENT_FLAGS = ("skip_content_generation", "preserve_source")
_HEADER_FIELDS = ("description", "temperature", "max_tokens", "target", "template", *_CONTENT_FLAGS)


@dataclass(frozen=True, slots=True)
class Workshop:
    """All that building needs besides the outline itself."""

    problems: Problems
    environment: Environment
    limits: Limits
    folder: Path | None
    shelf: Shelf = field(default_factory=Shelf)

    def texts(self) -> Texts:
        return Texts(self.problems, self.environment, self.limits, self.folder, self.shelf)


def build(outline: Outline, shop: Workshop, *, stem: str, wanted: str | None) -> Narrative:
    """The narrative of an outline. Only good when `shop.problems` has none afterwards.

    `stem` names a narrative that doesn't name itself; `wanted` is the name it must have, if any.
    """
    problems, path = shop.problems, outline.header.path
    header = read_table(problems, path, outline.header.value, keys.NARRATIVE, what=f"[{path[0]}]")
    name = _name(outline, header, problems, stem=stem, wanted=wanted)
    texts = shop.texts()
    system = texts.template((*path, "system"), header["system"]) if "system" in header else None
    check_header_uses(texts.uses, problems)
    budget = _budget((*path, "budget"), header.get("budget"), problems)
    acts, uses = _acts(outline, shop, texts.size)
    check_uses(outline, acts, uses, problems)
    return Narrative(
        name=name,
        system=system,
        variables=_variables((*path, "variables"), header.get("variables", {}), problems),
        budget=budget,
        carousel=_narrative_carousel(outline, budget, problems),
        acts=tuple(acts[one] for one in outline.order),
        **_models(header),
        **_some(header, _HEADER_FIELDS),
    )


def _name(outline: Outline, header: Mapping[str, Any], problems: Problems, *, stem: str, wanted: str | None) -> str:
    is_named = "name" in outline.header.value
    name: str | None = header.get("name") if is_named else stem
    if not is_named and not IDENTIFIER.accepts(stem):
        problems.add((), "the narrative has no name", f"give it {NAME_WORDS}: [narrative] name = ...")
    elif None not in {name, wanted} and wanted != name:
        path = (*outline.header.path, "name") if is_named else ()
        problems.add(path, f"the narrative is not called {shown(str(wanted))}", f"it is called {name}")
    return name or stem


def _variables(path: TomlPath, table: dict[str, Any], problems: Problems) -> dict[str, str]:
    for name, value in table.items():
        if not IDENTIFIER.accepts(name):
            problems.add((*path, name), f"a variable needs {NAME_WORDS}")
        fits(problems, (*path, name), value, TEXT)
    return {name: value for name, value in table.items() if isinstance(value, str)}


def _budget(path: TomlPath, table: dict[str, Any] | None, problems: Problems) -> Multipliers:
    if table is None:
        return Multipliers()
    return Multipliers(**read_table(problems, path, table, keys.BUDGET, what=f"[{'.'.join(map(str, path))}]"))


def _carousel(written: Written, problems: Problems) -> Carousel | None:
    path, what = written.path, "a carousel"
    table = read_table(problems, path, written.value, keys.CAROUSEL, what=what)
    budget = _budget((*path, "budget"), table.pop("budget", None), problems)
    if "iterations" not in written.value:
        problems.add((*path, "iterations"), "is missing", "say how often: iterations = 10")
    return Carousel(**table, budget=budget) if "iterations" in table else None


def _narrative_carousel(outline: Outline, budget: Multipliers, problems: Problems) -> Carousel | None:
    """The one carousel of the narrative; the multipliers it leaves open are those of the narrative."""
    written = [(one.path, _carousel(one, problems)) for one in outline.carousels]
    found = [(path, one) for path, one in written if one is not None]
    toc = outline.toc_turns
    if toc is not None and (not found or found[0][1].iterations != toc.value):
        found.append((toc.path, Carousel(iterations=toc.value)))
    if not found:
        return None
    first, carousel = found[0]
    for path, other in found[1:]:
        if other != carousel:
            message = f"differs from the carousel of line {problems.line_of(first)}"
            problems.add(path, message, "keep one of the two")
    return carousel.model_copy(update={"budget": carousel.budget.over(budget)})


def _acts(outline: Outline, shop: Workshop, size: int) -> tuple[dict[str, Act], dict[str, list[Use]]]:
    """The acts by name, and what they refer to. `size` is that of the texts so far."""
    acts: dict[str, Act] = {}
    uses: dict[str, list[Use]] = {}
    resources = _resources(outline, shop)
    for name, written in outline.acts.items():
        texts = shop.texts()
        acts[name] = _act(written, texts, resources)
        uses[name] = texts.uses
        size += texts.size * outline.order.count(name)
        if size > shop.limits.expanded_chars:
            shop.problems.add((), f"all texts together are longer than {shop.limits.expanded_chars:,} characters")
            shop.problems.raise_if_any()
    return acts, uses


def _resources(outline: Outline, shop: Workshop) -> dict[str, Resource]:
    """What acts may name, by `bots.NAME` and the like."""
    found: dict[str, Resource] = {}
    for kind, what in RESOURCES.items():
        written = outline.resources.get(kind, Written((kind,), {}))
        for name, value in written.value.items():
            if not IDENTIFIER.accepts(name):
                shop.problems.add((*written.path, name), f"{what} needs {NAME_WORDS}")
            found[f"{kind}.{name}"] = read_resource(kind, shop.texts(), (*written.path, name), value)
    return found


def _act(written: WrittenAct, texts: Texts, resources: Mapping[str, Resource]) -> Act:
    problems, path = texts.problems, written.path
    table: dict[str, Any] = {}
    if isinstance(written.value, dict):
        table = read_table(problems, path, written.value, written.keys, what="an act")
    elif not isinstance(written.value, str | list):
        problems.add(path, "an act must be text, a list of inputs, or a table", f'write {written.name} = "..."')
        return Act(name=written.name, inputs=())
    return Act(
        name=written.name,
        inputs=read_inputs(written, table, texts, resources),
        system=_system(path, table, texts),
        skip_if=_skip_if((*path, "skip_if"), table.get("skip_if"), texts),
        carousel=_carousel(Written((*path, "carousel"), table["carousel"]), problems) if "carousel" in table else None,
        line=problems.line_of(path),
        **_models(table),
        **_some(table, _ACT_FIELDS),
    )


def _system(path: TomlPath, table: Mapping[str, Any], texts: Texts) -> Template | None:
    if "system" in table:
        return texts.template((*path, "system"), table["system"])
    if "character" not in table:
        return None
    who = texts.template((*path, "character"), table["character"])
    return Template(parts=("You are ", *who.parts, "."))


def _skip_if(path: TomlPath, text: str | None, texts: Texts) -> Condition | None:
    if text is None:
        return None
    condition = read_condition(texts.template(path, text), texts.problems.line_of(path))
    if condition is None:
        texts.problems.add(path, "is no condition", USE)
    return condition


def _models(table: Mapping[str, Any]) -> dict[str, Any]:
    """`model` is one name, or a list of which the first is preferred."""
    if "model" not in table:
        return {}
    first, *rest = [table["model"]] if isinstance(table["model"], str) else table["model"]
    return {"model": first, "fallbacks": tuple(rest)}


def _some(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}
