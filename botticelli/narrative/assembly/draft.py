"""Builds one narrative from its outline: the header, the carousels, the acts as they are written.

Checks each part alone: `reference_checks` compares acts with each other, and `compose` adds other narratives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botticelli.narrative.document.outline import Outline, WrittenAct
from botticelli.narrative.document.sections import NarrativeSection, NarrativeSections, TomlValue
from botticelli.narrative.execution import PARAMETERS, Carousel, Multipliers, Place
from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, NAME_WORDS, fits, read_table
from botticelli.narrative.model import Act, Narrative, Template
from botticelli.narrative.parts.answer_schemas import read_answer_schema
from botticelli.narrative.parts.carousels import RowContext, read_budget, read_carousel
from botticelli.narrative.parts.gates import GATE_KEYS, read_condition_of, read_gate
from botticelli.narrative.parts.inputs import PERFORMS, RESOURCES, Resource, read_inputs, read_resource
from botticelli.narrative.parts.policies import read_security
from botticelli.narrative.parts.schedule_table import read_schedule
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.media_store import MediaStore
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.source_text import SourceLimits
from botticelli.narrative.templates.template_reader import ReferenceUse, TemplateReader, check_header_uses
from botticelli.toml_text.lexer import TomlPath

_ACT_FIELDS = (
    *PARAMETERS,
    "output_var",
    "format",
    "history",
    "retries",
    "extract_output",
    "skip_content_generation",
)
_NOWHERE = NarrativeSection(None, TomlValue(("narrative",), {}), {})
_HEADER_FIELDS = (
    *("description", *PARAMETERS),
    *("target", "template", "skip_content_generation", "preserve_source"),
)


@dataclass(slots=True)
class LoadContext:
    """Holds what building the narratives of one file needs besides their outlines."""

    problems: Problems
    environment: Environment
    limits: SourceLimits
    folders: tuple[Path, ...] | None
    """Folders searched for files, the narrative's own folder first. None for text that came over the wire."""
    media: MediaStore = field(default_factory=MediaStore)
    resources: dict[str, Resource] = field(default_factory=dict)
    """Resources that acts may name, by `bots.NAME`, `tables.NAME` or `media.NAME`."""
    above: tuple[Path, ...] = ()
    """Folders searched last: for a file of the founding form, the folders above its own."""

    def texts(self) -> TemplateReader:
        return TemplateReader(self.problems, self.environment, self.limits, self.folders, self.media, self.above)

    def read_resources(self, sections: NarrativeSections) -> None:
        """Read the resources that all narratives of the file share."""
        for kind, words in RESOURCES.items():
            for name, value in sections.root.get(kind, {}).items():
                if not IDENTIFIER.accepts(name):
                    self.problems.add((kind, name), f"{words} needs {NAME_WORDS}")
                self.resources[f"{kind}.{name}"] = read_resource(kind, self.texts(), (kind, name), value)

    def warn_of_unused(self) -> None:
        for name, resource in self.resources.items():
            if not resource.is_used:
                self.problems.warn(tuple(name.split(".", 1)), f"no act uses {name}")


@dataclass(slots=True)
class NarrativeDraft:
    """Holds one narrative as its own tables describe it. `acts` and their `texts` are by the name of the act."""

    narrative: Narrative
    outline: Outline
    acts: dict[str, Act]
    texts: dict[str, TemplateReader]
    repeats: set[str] = field(default_factory=set)
    """Acts with `carousel = true`: they repeat as the narrative that they perform does."""
    needs: dict[str, list[TomlPath]] = field(default_factory=dict)
    """Places in the file where the needs of each act are written."""
    size: int = 0
    header_uses: tuple[ReferenceUse, ...] = ()
    """References in the narrative's own system text."""


def build_draft(outline: Outline, sections: NarrativeSections, context: LoadContext, *, stem: str) -> NarrativeDraft:
    """Build the draft of a narrative. Valid only when `context.problems` has none afterwards.

    `stem` is the name of a narrative that has none of its own.
    """
    problems, path = context.problems, outline.header.path
    written = {key: value for key, value in outline.header.value.items() if key != "narrative" or not path[1:]}
    header = read_table(problems, path, written, keys.NARRATIVE, subject=f"[{'.'.join(map(str, path))}]")
    texts = context.texts()
    system = texts.template((*path, "system"), header["system"]) if "system" in header else None
    check_header_uses(texts.uses, problems)
    budget = read_budget((*path, "budget"), header.get("budget"), problems)
    narrative = Narrative(
        name=_read_name(outline, header, problems, stem=stem),
        system=system,
        variables=_read_variables((*path, "variables"), header.get("variables", {}), problems),
        budget=budget,
        carousel=_narrative_carousel(outline, budget, context),
        schedule=read_schedule((*path, "schedule"), header["schedule"], problems) if "schedule" in header else None,
        acts=(),
        places=_places(path, header, problems),
        **_split_models(header),
        **_pick(header, _HEADER_FIELDS),
    )
    draft = NarrativeDraft(narrative, outline, {}, {}, size=texts.size, header_uses=tuple(texts.uses))
    _build_acts(draft, context)
    if "security" in sections.root:
        security = read_security(sections.root["security"], context.texts())
        draft.narrative = narrative.model_copy(update={"security": security})
    return draft


def _read_name(outline: Outline, header: Mapping[str, Any], problems: Problems, *, stem: str) -> str:
    is_named = "name" in outline.header.value
    name: str | None = header.get("name") if is_named else outline.section.key or stem
    if not is_named and not IDENTIFIER.accepts(name):
        problems.add((), "the narrative has no name", f"give it {NAME_WORDS}: [narrative] name = ...")
    return name or stem


def _read_variables(path: TomlPath, table: dict[str, Any], problems: Problems) -> dict[str, str]:
    for name, value in table.items():
        if not IDENTIFIER.accepts(name):
            problems.add((*path, name), f"a variable needs {NAME_WORDS}")
        fits(problems, (*path, name), value, keys.VARIABLE)
    return {name: _as_text(value) for name, value in table.items() if keys.VARIABLE.accepts(value)}


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _narrative_carousel(outline: Outline, budget: Multipliers, context: LoadContext) -> Carousel | None:
    """Return the carousel of the narrative; multipliers that it leaves open are those of the narrative."""
    problems, rows = context.problems, RowContext(context.folders, context.resources)
    written = [
        (carousel.path, read_carousel(carousel.path, carousel.value, problems, rows)) for carousel in outline.carousels
    ]
    valid = [(path, carousel) for path, carousel in written if carousel is not None]
    toc = outline.toc_turns
    if toc is not None and (not valid or valid[0][1].iterations != toc.value):
        valid.append((toc.path, Carousel(iterations=toc.value)))
    if not valid:
        return None
    first, carousel = valid[0]
    for path, other in valid[1:]:
        if other != carousel:
            message = f"differs from the carousel on line {problems.line_of(first)}"
            problems.add(path, message, "keep one of the two")
    return carousel.model_copy(update={"budget": carousel.budget.over(budget)})


def _build_acts(draft: NarrativeDraft, context: LoadContext) -> None:
    """Build the acts that are performed; in a file with one narrative all acts, so that each is checked."""
    for name, written in draft.outline.acts.items():
        if not draft.outline.is_alone and name not in draft.outline.order:
            continue
        texts = draft.texts[name] = context.texts()
        draft.acts[name] = _build_act(written, texts, context.resources, draft)
        draft.size += texts.size * draft.outline.order.count(name)
        if draft.size > context.limits.expanded_chars:
            context.problems.add((), f"all texts together are longer than {context.limits.expanded_chars:,} characters")
            context.problems.raise_if_any()


def check_act(written: WrittenAct, context: LoadContext) -> None:
    """Report the problems of an act that no narrative performs."""
    nowhere = Narrative(name="nowhere", acts=())
    _build_act(written, context.texts(), context.resources, NarrativeDraft(nowhere, Outline(_NOWHERE), {}, {}))


def _build_act(
    written: WrittenAct, texts: TemplateReader, resources: Mapping[str, Resource], draft: NarrativeDraft
) -> Act:
    problems, path = texts.problems, written.path
    table: dict[str, Any] = {}
    if isinstance(written.value, dict):
        table = read_table(problems, path, written.value, written.keys, subject="an act")
        if all(key in written.value for key in PERFORMS):
            problems.add((*path, PERFORMS[1]), "is another name for narrative, which is also given", "keep one")
            del table[PERFORMS[1]]
    elif not isinstance(written.value, str | list):
        problems.add(path, "an act must be text, a list of inputs, or a table", f'write {written.name} = "..."')
        return Act(name=written.name, inputs=())
    inputs = read_inputs(written, table, texts, resources)
    return Act(
        name=written.name,
        inputs=inputs,
        gate=read_gate(path, table, inputs, texts) if any(key in table for key in GATE_KEYS) else None,
        system=_read_system(path, table, texts),
        skip_if=read_condition_of((*path, "skip_if"), table["skip_if"], texts) if "skip_if" in table else None,
        carousel=_read_act_carousel(written, table, draft, problems),
        foreach=_read_items(written, table, texts),
        needs=_read_needs(written, table, draft, problems),
        line=problems.line_of(path),
        places=_places(path, table, problems),
        **_split_models(table),
        **(_pick(table, _ACT_FIELDS) | _read_schema(written, table, texts)),
    )


def _read_schema(written: WrittenAct, table: Mapping[str, Any], texts: TemplateReader) -> dict[str, Any]:
    if "schema" not in table:
        return {}
    if not ({"prompt", "input"} & table.keys()) or any(key in table for key in PERFORMS):
        texts.problems.add(
            (*written.path, "schema"), "only an act that calls a model has an answer", "give it a prompt"
        )
    if table.get("format") == "text":
        texts.problems.add((*written.path, "format"), "a typed answer is JSON", "remove format, or the schema")
    return read_answer_schema((*written.path, "schema"), table["schema"], texts)


def _read_act_carousel(
    written: WrittenAct, table: Mapping[str, Any], draft: NarrativeDraft, problems: Problems
) -> Carousel | None:
    path, value = (*written.path, "carousel"), table.get("carousel")
    if isinstance(value, dict):
        return read_carousel(path, value, problems)
    if value is True:
        draft.repeats.add(written.name)
    return None


def _read_items(written: WrittenAct, table: Mapping[str, Any], texts: TemplateReader) -> Template | None:
    """Read the list that the turns of an act go through: one reference, and nothing else."""
    carousel, path = table.get("carousel"), (*written.path, "carousel", "foreach")
    if not isinstance(carousel, dict) or "foreach" not in carousel:
        return None
    text = carousel["foreach"]
    template = texts.template(path, text) if isinstance(text, str) else Template()
    if any(key in table for key in PERFORMS):
        texts.problems.add(path, "can't be given to an act that performs a narrative", "give it to an act of its own")
    elif len(template.parts) != 1 or not template.references:
        texts.problems.add(path, "must be one reference to a list", 'write foreach = "{act.plan.output.items}"')
    return template


def _read_needs(
    written: WrittenAct, table: Mapping[str, Any], draft: NarrativeDraft, problems: Problems
) -> tuple[str, ...] | None:
    if "needs" not in table:
        return None
    here = (*written.path, "needs")
    places = [((*here, index), name) for index, name in enumerate(table["needs"])]
    good = [(place, name) for place, name in places if fits(problems, place, name, IDENTIFIER)]
    draft.needs[written.name] = [place for place, _ in good]
    return tuple(name for _, name in good)


def _read_system(path: TomlPath, table: Mapping[str, Any], texts: TemplateReader) -> Template | None:
    if "system" in table:
        return texts.template((*path, "system"), table["system"])
    if "character" not in table:
        return None
    character = texts.template((*path, "character"), table["character"])
    return Template(parts=("You are ", *character.parts, "."))


def _split_models(table: Mapping[str, Any]) -> dict[str, Any]:
    """Split `model`, which is one name or a list with the preferred one first, into a model and its fallbacks."""
    if "model" not in table:
        return {}
    first, *rest = [table["model"]] if isinstance(table["model"], str) else table["model"]
    return {"model": first, "fallbacks": tuple(rest)}


def _places(path: TomlPath, table: Mapping[str, Any], problems: Problems) -> dict[str, Place]:
    at = {name: problems.place_of((*path, name)) for name in PARAMETERS if name in table}
    return {name: Place(line=line, column=column) for name, (line, column) in at.items()}


def _pick(table: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}
