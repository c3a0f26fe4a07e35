"""Composes narratives: finds the narratives that acts perform, and puts their acts into the ones that perform them.

Limits the nesting and the acts per iteration. Reads other files only through the reader it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from botticelli.narrative.assembly.act_order import Waits, all_before, arrange
from botticelli.narrative.assembly.draft import LoadContext, NarrativeDraft, build_draft
from botticelli.narrative.assembly.flatten import Embedded, FlatActs
from botticelli.narrative.assembly.loop_checks import check_loops
from botticelli.narrative.assembly.reference_checks import (
    CHECKED_KINDS,
    InnerActs,
    check_braces,
    check_row_uses,
    check_uses,
    resolve_inner_act,
)
from botticelli.narrative.document.outline import build_outline
from botticelli.narrative.document.sections import NarrativeSection, NarrativeSections
from botticelli.narrative.model import Act, Narrative, Reference
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.templates.references import map_references
from botticelli.toml_text.lexer import TomlPath

MAX_DEPTH = 8
"""Limits narratives within narratives, the outermost one included."""
MAX_PERFORMED = 500
"""Limits the acts of one iteration, with those of all narratives that it performs."""


@dataclass(slots=True)
class File:
    """Holds a parsed file. `name` is what other files of its folder call it; empty for the file that is loaded."""

    name: str
    stem: str
    sections: NarrativeSections
    context: LoadContext


@dataclass(frozen=True, slots=True)
class ComposedNarrative:
    """Holds a narrative with everything that it performs. Valid only when there are no problems."""

    narrative: Narrative
    draft: NarrativeDraft
    names: tuple[str, ...]
    """Names of all its acts, including those that could not be put in."""
    depth: int
    size: int


OpenFile = Callable[[str], File | str]
"""Opens the file of that name beside the one that is loaded, or says why it can't be read."""
Chain = tuple[tuple[str, str | None], ...]


@dataclass(slots=True)
class Composer:
    """Composes each narrative once, however often it is performed."""

    open: OpenFile
    home: str
    """Name of the file's own narrative in messages."""
    files: dict[str, File] = field(default_factory=dict)
    _composed: dict[tuple[str, str | None], ComposedNarrative] = field(default_factory=dict)

    def compose(self, file: File, section: NarrativeSection, chain: Chain = ()) -> ComposedNarrative:
        key = (file.name, section.key)
        if key not in self._composed:
            self._composed[key] = self._compose(file, section, (*chain, key))
        return self._composed[key]

    def _compose(self, file: File, section: NarrativeSection, chain: Chain) -> ComposedNarrative:
        problems = file.context.problems
        draft = build_draft(
            build_outline(file.sections, section, problems), file.sections, file.context, stem=file.stem
        )
        performed = {name: self._compose_performed(file, draft, name, chain) for name in draft.acts}
        waits = arrange(draft, problems) if any(act.needs is not None for act in draft.acts.values()) else None
        inside = {
            name: _inner_names(pairs, draft, name) for name, pairs in performed.items() if draft.texts[name].performs
        }
        order = dict.fromkeys(draft.outline.order)
        names = (*order, *(f"{name}.acts.{inner}" for name in order for inner in inside.get(name) or ()))
        inner = {
            f"{name}.acts.{act.name}": act
            for name, pairs in performed.items()
            for whole, _ in pairs
            for act in whole.narrative.acts
        }
        _check_acts(draft, waits, inside, inner, problems)
        depth = 1 + max((whole.depth for pairs in performed.values() for whole, _ in pairs), default=0)
        embedded = {name: [inner for _, inner in pairs] for name, pairs in performed.items()}
        size = draft.size + sum(
            whole.size * _turns(draft.acts[name]) * draft.outline.order.count(name)
            for name, pairs in performed.items()
            for whole, _ in pairs
        )
        if _count_performed(draft, embedded) > MAX_PERFORMED:
            message = f"an iteration performs more than {MAX_PERFORMED} acts, with those of the narratives in it"
            problems.add(_path_of(section), message, "lower the iterations of its carousels, or split it")
        elif size > file.context.limits.expanded_chars:
            limit = file.context.limits.expanded_chars
            problems.add(_path_of(section), f"all texts together are longer than {limit:,} characters")
        elif not problems.has_errors:
            acts = _flat_acts(draft, embedded, waits, inside)
            return ComposedNarrative(draft.narrative.model_copy(update={"acts": acts}), draft, names, depth, size)
        return ComposedNarrative(draft.narrative, draft, names, depth, size)

    def _compose_performed(
        self, file: File, draft: NarrativeDraft, name: str, chain: Chain
    ) -> list[tuple[ComposedNarrative, Embedded]]:
        """Compose the narratives that an act performs, in the order of its inputs, and resolve its `carousel = true`."""
        problems, performs = file.context.problems, draft.texts[name].performs
        candidates = [self._find_performed(file, path, target_name, chain) for path, target_name in performs]
        pairs = [pair for pair in candidates if pair is not None]
        path = (*draft.outline.acts[name].path, "carousel")
        if name in draft.repeats and len(pairs) == len(performs):
            own = pairs[0][0].narrative.carousel if len(pairs) == 1 else None
            if own is None:
                message = "true stands for the carousel of the one narrative that an act performs"
                problems.add(path, message, "give that narrative a carousel, or write one here")
            draft.acts[name] = draft.acts[name].model_copy(update={"carousel": own})
        return pairs

    def _find_performed(
        self, file: File, path: TomlPath, target_name: str, chain: Chain
    ) -> tuple[ComposedNarrative, Embedded] | None:
        problems = file.context.problems
        is_of_header = path[0] in ("narrative", "narratives") and len(path) == 3
        target = self.resolve(file, path, target_name, prefers_files=is_of_header and path[-1] == "narrative")
        if target is None:
            return None
        other, section = target
        key = (other.name, section.key)
        names = " -> ".join(map(self._title, (*chain, key)))
        if key in chain:
            problems.add(path, f"a narrative can't perform itself: {shown(names, 200)}")
            return None
        if len(chain) >= MAX_DEPTH:
            problems.add(path, f"narratives are nested more than {MAX_DEPTH} deep: {shown(names, 200)}")
            return None
        whole = self.compose(other, section, chain)
        if len(chain) + whole.depth > MAX_DEPTH:
            problems.add(path, f"narratives are nested more than {MAX_DEPTH} deep: {shown(names, 200)} -> ...")
            return None
        return whole, Embedded(whole.narrative, "" if other is file else other.name)

    def resolve(
        self, file: File, path: TomlPath, target_name: str, *, prefers_files: bool = False
    ) -> tuple[File, NarrativeSection] | None:
        """Find another narrative of the file, or of a file beside it, and follow a narrative that only refers to one."""
        for _ in range(MAX_DEPTH):
            target = self._look_up(file, path, target_name, prefers_files)
            if target is None or target[1].refers_to is None:
                return target
            file, target_name, prefers_files = target[0], str(target[1].refers_to), True
        file.context.problems.add(path, f"{shown(target_name)} refers to more than {MAX_DEPTH} narratives in a row")
        return None

    def _look_up(
        self, file: File, path: TomlPath, target_name: str, prefers_files: bool
    ) -> tuple[File, NarrativeSection] | None:
        name, _, inner = target_name.partition("#")
        name = name.removesuffix(".toml")
        here = None if inner or "/" in name or target_name.endswith(".toml") else file.sections.find(name)
        if here is not None and not prefers_files:
            return file, here
        other = self._open_once(name)
        if isinstance(other, str) and "/" in file.name:
            beside = self._open_once(f"{file.name.rpartition('/')[0]}/{name}")
            other = other if isinstance(beside, str) else beside
        if isinstance(other, str):
            if here is not None and here.refers_to is None:
                return file, here
            known = [title for title in file.sections.titles if title]
            hint = file.context.problems.guess(name, known, otherwise="the file has")
            file.context.problems.add(path, f"there is no narrative {shown(name)} in this file, {other}", hint)
            return None
        section = other.sections.find(inner) if inner else other.sections.default or other.sections.find(other.stem)
        if section is None:
            choice = ", ".join(f"{name}#{title}" for title in other.sections.titles[:8])
            message = f"{shown(name)}.toml has no narrative {inner}" if inner else f"{shown(name)}.toml has several"
            file.context.problems.add(path, message, f"choose one of {choice}")
            return None
        return other, section

    def _title(self, key: tuple[str, str | None]) -> str:
        file, section = key
        return f"{file}#{section}" if file and section else section or file or self.home

    def _open_once(self, name: str) -> File | str:
        if name not in self.files:
            opened = self.open(name)
            if isinstance(opened, str):
                return opened
            self.files[name] = opened
        return self.files[name]


def _inner_names(
    embedded: Sequence[tuple[ComposedNarrative, Embedded]], draft: NarrativeDraft, name: str
) -> Sequence[str] | None:
    """Return the names of the acts of the narratives that an act performs; None when one of them is missing."""
    if len(embedded) < len(draft.texts[name].performs):
        return None
    return [act_name for whole, _ in embedded for act_name in whole.names]


def _check_acts(
    draft: NarrativeDraft, waits: Waits | None, inside: InnerActs, inner: dict[str, Act], problems: Problems
) -> None:
    """Check the acts of a draft against each other: their references, rows, loops and braces, as far as it has any."""
    texts, carousel = draft.texts.values(), draft.narrative.carousel
    if any(use.reference.kind in CHECKED_KINDS for reader in texts for use in reader.uses):
        check_uses(draft, all_before(waits) if waits is not None else None, inside, inner, problems)
    if carousel is not None and carousel.foreach is not None:
        check_row_uses(draft, problems)
    if _has_loops(draft):
        check_loops(draft, [name for name in draft.acts if draft.texts[name].performs], problems)
    if any(reader.loose for reader in texts):
        check_braces(draft, problems)


def _has_loops(draft: NarrativeDraft) -> bool:
    return any(act.gate is not None and act.gate.redo is not None for act in draft.acts.values())


def _flat_acts(
    draft: NarrativeDraft, inners: dict[str, list[Embedded]], waits: Waits | None, inside: InnerActs
) -> tuple[Act, ...]:
    """Return the acts in order; those of other narratives, needs and loops have to be put into it first."""
    if waits is None and not any(inners.values()) and not _has_loops(draft):
        return tuple(draft.acts[name] for name in draft.outline.order)
    return tuple(_flatten(draft, inners, waits, inside).acts)


def _flatten(
    draft: NarrativeDraft, inners: dict[str, list[Embedded]], waits: Waits | None, inside: InnerActs
) -> FlatActs:
    is_ordered = waits is not None or any(
        act.after is not None for embedded in inners.values() for inner in embedded for act in inner.acts
    )
    flat = FlatActs(is_ordered, draft.narrative.variables)
    positions: list[int] = []

    def into(reference: Reference) -> Reference:
        return resolve_inner_act(reference, inside)

    for index, name in enumerate(draft.outline.order):
        places = range(max(0, index - 1), index) if waits is None else sorted(waits[index])
        act = map_references(draft.acts[name], into)
        positions.append(flat.add(act, inners[name], [positions[place] for place in places]))
    return flat


def _count_performed(draft: NarrativeDraft, inners: dict[str, list[Embedded]]) -> int:
    return sum(
        1 + _turns(draft.acts[name]) * sum(len(inner.acts) for inner in inners[name])
        for name in draft.outline.order
        if name in inners
    )


def _turns(act: Act) -> int:
    return act.carousel.iterations if act.carousel else 1


def _path_of(section: NarrativeSection) -> TomlPath:
    return section.header.path if section.key else ()


def compose_all(composer: Composer, file: File) -> Sequence[tuple[NarrativeSection, ComposedNarrative | None]]:
    """Compose every narrative of a file; None for one that refers to a file and can't be found there."""
    composed: list[tuple[NarrativeSection, ComposedNarrative | None]] = []
    for section in file.sections.all:
        target: tuple[File, NarrativeSection] | None = (file, section)
        if section.refers_to is not None:
            path = (*section.header.path, "narrative")
            target = composer.resolve(file, path, section.refers_to, prefers_files=True)
        composed.append((section, composer.compose(*target) if target else None))
    return composed
