"""From the drafts of a file's narratives to whole ones: finds the narratives that acts perform, and puts them in.

Caps: nesting, and acts per iteration. Reads other files only through the reader it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from botticelli.narrative.assembly.act_order import Waits, arrange, seen_by
from botticelli.narrative.assembly.draft import Draft, Workshop, build
from botticelli.narrative.assembly.flatten import Flat, Inner
from botticelli.narrative.assembly.reference_checks import Inside, check_braces, check_uses, steps_inside
from botticelli.narrative.document.outline import outline
from botticelli.narrative.document.sections import Section, Sections
from botticelli.narrative.model import Act, Narrative, Reference
from botticelli.narrative.source.suggest import shown
from botticelli.narrative.templates.reference_walk import mapped
from botticelli.toml_text.positions import TomlPath

MAX_DEPTH = 8
"""Narratives within narratives, the outermost one included."""
MAX_PERFORMED = 500
"""Acts of one iteration, with those of all narratives that it performs."""


@dataclass(slots=True)
class File:
    """A parsed file. `name` is how others of its folder name it; empty for the one that is loaded."""

    name: str
    stem: str
    sections: Sections
    shop: Workshop


@dataclass(frozen=True, slots=True)
class Whole:
    """A narrative with everything that it performs. Only good when there are no problems."""

    narrative: Narrative
    draft: Draft
    names: tuple[str, ...]
    """Of all its acts, whether they could be put in or not."""
    depth: int
    size: int


Open = Callable[[str], File | str]
"""The file of that name beside the one that is loaded, or why it can't be read."""
Chain = tuple[tuple[str, str | None], ...]


@dataclass(slots=True)
class Composer:
    """Makes each narrative once, however often it is performed."""

    open: Open
    home: str
    """What the narrative of the file itself is called in messages."""
    files: dict[str, File] = field(default_factory=dict)
    _made: dict[tuple[str, str | None], Whole] = field(default_factory=dict)

    def compose(self, file: File, section: Section, chain: Chain = ()) -> Whole:
        key = (file.name, section.key)
        if key not in self._made:
            self._made[key] = self._compose(file, section, (*chain, key))
        return self._made[key]

    def _compose(self, file: File, section: Section, chain: Chain) -> Whole:
        problems = file.shop.problems
        draft = build(outline(file.sections, section, problems), file.sections, file.shop, stem=file.stem)
        inners = {name: self._performed(file, draft, name, chain) for name in draft.acts}
        wholes = [whole for found in inners.values() for whole, _ in found]
        waits = arrange(draft, problems)
        inside = {name: _names(found, draft, name) for name, found in inners.items() if draft.texts[name].performs}
        order = dict.fromkeys(draft.outline.order)
        names = (*order, *(f"{name}.acts.{one}" for name in order for one in inside.get(name) or ()))
        check_uses(draft, seen_by(waits) if waits is not None else None, inside, problems)
        check_braces(draft, problems)
        depth = 1 + max((whole.depth for whole in wholes), default=0)
        found = {name: [inner for _, inner in one] for name, one in inners.items()}
        size = draft.size + sum(
            whole.size * _turns(draft.acts[name]) * draft.outline.order.count(name)
            for name, one in inners.items()
            for whole, _ in one
        )
        if _count(draft, found) > MAX_PERFORMED:
            message = f"an iteration performs more than {MAX_PERFORMED} acts, with those of the narratives in it"
            problems.add(_place(section), message, "lower the iterations of its carousels, or split it")
        elif size > file.shop.limits.expanded_chars:
            limit = file.shop.limits.expanded_chars
            problems.add(_place(section), f"all texts together are longer than {limit:,} characters")
        elif not problems.any:
            acts = tuple(_flat(draft, found, waits, inside).acts)
            return Whole(draft.narrative.model_copy(update={"acts": acts}), draft, names, depth, size)
        return Whole(draft.narrative, draft, names, depth, size)

    def _performed(self, file: File, draft: Draft, name: str, chain: Chain) -> list[tuple[Whole, Inner]]:
        """What an act performs, in the order of its inputs; its carousel is settled on the way."""
        problems, performs = file.shop.problems, draft.texts[name].performs
        found = [one for path, wanted in performs if (one := self._find(file, path, wanted, chain)) is not None]
        path = (*draft.outline.acts[name].path, "carousel")
        if name in draft.repeats and len(found) == len(performs):
            own = found[0][0].narrative.carousel if len(found) == 1 else None
            if own is None:
                message = "true stands for the carousel of the one narrative that an act performs"
                problems.add(path, message, "give that narrative a carousel, or write one here")
            draft.acts[name] = draft.acts[name].model_copy(update={"carousel": own})
        return found

    def _find(self, file: File, path: TomlPath, wanted: str, chain: Chain) -> tuple[Whole, Inner] | None:
        problems = file.shop.problems
        is_of_header = path[0] in ("narrative", "narratives") and len(path) == 3
        target = self.resolve(file, path, wanted, prefers_files=is_of_header and path[-1] == "narrative")
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
        return whole, Inner(whole.narrative, "" if other is file else other.name)

    def resolve(
        self, file: File, path: TomlPath, wanted: str, *, prefers_files: bool = False
    ) -> tuple[File, Section] | None:
        """Another narrative of the file, or of a file beside it; a narrative that only refers to one stands for it."""
        for _ in range(MAX_DEPTH):
            target = self._look(file, path, wanted, prefers_files)
            if target is None or target[1].refers_to is None:
                return target
            file, wanted, prefers_files = target[0], str(target[1].refers_to), True
        file.shop.problems.add(path, f"{shown(wanted)} refers to a narrative that refers to another, and so on")
        return None

    def _look(self, file: File, path: TomlPath, wanted: str, prefers_files: bool) -> tuple[File, Section] | None:
        name, _, inner = wanted.partition("#")
        name = name.removesuffix(".toml")
        here = None if inner or "/" in name or wanted.endswith(".toml") else file.sections.find(name)
        if here is not None and not prefers_files:
            return file, here
        other = self._opened(name)
        if isinstance(other, str) and "/" in file.name:
            beside = self._opened(f"{file.name.rpartition('/')[0]}/{name}")
            other = other if isinstance(beside, str) else beside
        if isinstance(other, str):
            if here is not None and here.refers_to is None:
                return file, here
            known = [one for one in file.sections.titles if one]
            hint = file.shop.problems.guess(name, known, otherwise="the file has")
            file.shop.problems.add(path, f"there is no narrative {shown(name)} in this file, {other}", hint)
            return None
        section = other.sections.find(inner) if inner else other.sections.default or other.sections.find(other.stem)
        if section is None:
            choice = ", ".join(f"{name}#{one}" for one in other.sections.titles[:8])
            what = f"{shown(name)}.toml has no narrative {inner}" if inner else f"{shown(name)}.toml has several"
            file.shop.problems.add(path, what, f"choose one of {choice}")
            return None
        return other, section

    def _title(self, key: tuple[str, str | None]) -> str:
        file, section = key
        return f"{file}#{section}" if file and section else section or file or self.home

    def _opened(self, name: str) -> File | str:
        if name not in self.files:
            opened = self.open(name)
            if isinstance(opened, str):
                return opened
            self.files[name] = opened
        return self.files[name]


def _names(found: Sequence[tuple[Whole, Inner]], draft: Draft, name: str) -> Sequence[str] | None:
    """What an act's narratives call their acts; None when not all of them could be found."""
    if len(found) < len(draft.texts[name].performs):
        return None
    return [one for whole, _ in found for one in whole.names]


def _flat(draft: Draft, inners: dict[str, list[Inner]], waits: Waits | None, inside: Inside) -> Flat:
    is_ordered = waits is not None or any(
        act.after is not None for found in inners.values() for inner in found for act in inner.acts
    )
    flat = Flat(is_ordered, draft.narrative.variables)
    positions: list[int] = []

    def into(reference: Reference) -> Reference:
        return steps_inside(reference, inside)

    for index, name in enumerate(draft.outline.order):
        places = range(max(0, index - 1), index) if waits is None else sorted(waits[index])
        act = mapped(draft.acts[name], into)
        positions.append(flat.add(act, inners[name], [positions[place] for place in places]))
    return flat


def _count(draft: Draft, inners: dict[str, list[Inner]]) -> int:
    return sum(
        1 + _turns(draft.acts[name]) * sum(len(inner.acts) for inner in inners[name])
        for name in draft.outline.order
        if name in inners
    )


def _turns(act: Act) -> int:
    return act.carousel.iterations if act.carousel else 1


def _place(section: Section) -> TomlPath:
    return section.header.path if section.key else ()


def all_of(composer: Composer, file: File) -> Sequence[tuple[Section, Whole | None]]:
    """Every narrative of a file; None for one that refers to a file and can't be found there."""
    found: list[tuple[Section, Whole | None]] = []
    for section in file.sections.all:
        target: tuple[File, Section] | None = (file, section)
        if section.refers_to is not None:
            path = (*section.header.path, "narrative")
            target = composer.resolve(file, path, section.refers_to, prefers_files=True)
        found.append((section, composer.compose(*target) if target else None))
    return found
