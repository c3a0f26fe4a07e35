"""Texts of a narrative as templates: parses them where they stand and remembers what they refer to, act by act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botticelli.narrative.model import Reference, Template
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.media_store import Shelf
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.source_text import Limits, Missing, Unreadable, read_within
from botticelli.narrative.source.suggest import shown
from botticelli.narrative.templates.template import Braces, parse_template
from botticelli.toml_text.positions import TomlPath

_REFERENCE_WEIGHT = 64
"""How many characters a reference counts for in the size of a narrative: about what it takes in a snapshot."""


@dataclass(frozen=True, slots=True)
class Use:
    """One reference in one text of an act: where it stands. `offset` is None in a text from a file beside."""

    reference: Reference
    path: TomlPath
    offset: int | None
    file: str = ""

    @property
    def place(self) -> str:
        """What a message about it begins with: the file, if the text is from one."""
        return f"{shown(self.file)}: " if self.file else ""


@dataclass(frozen=True, slots=True)
class Loose:
    """A name in single braces in one text: printed as it is, unless it is a mistake."""

    braces: Braces
    path: TomlPath
    offset: int | None
    file: str = ""


def check_header_uses(uses: Sequence[Use], problems: Problems) -> None:
    """The narrative's system text goes to every act, the first included: it can't read an act."""
    for use in uses:
        if use.reference.kind in {"act", "previous"}:
            message = f"{use.place}{shown(use.reference.text)}: the system text of the narrative can't read an act"
            problems.add(use.path, message, "move it into the acts", offset=use.offset)


@dataclass(slots=True)
class Texts:
    """The texts of one act (or of the narrative's header)."""

    problems: Problems
    environment: Environment
    limits: Limits
    folders: tuple[Path, ...] | None
    shelf: Shelf = field(default_factory=Shelf)
    """The media of the whole narrative."""
    above: tuple[Path, ...] = ()
    """Where files are looked for last."""
    uses: list[Use] = field(default_factory=list)
    loose: list[Loose] = field(default_factory=list)
    performs: list[tuple[TomlPath, str]] = field(default_factory=list)
    """The narratives that are among the inputs, in order, and where each is named."""
    size: int = 0
    faults: int = 0
    """How many have been found in its texts."""
    adopted: set[str] = field(default_factory=set)
    """Names of the resources whose texts are counted here."""

    def template(self, path: TomlPath, text: str) -> Template:
        """The template that the string at `path` is; a blank one is a problem."""
        if not text.strip():
            self.problems.add(path, "is empty", "write some text")
        return self._parse(path, text, file="")

    def argument(self, path: TomlPath, text: str) -> Template:
        """As `template`, for a place where text may be empty."""
        return self._parse(path, text, file="")

    def file(self, path: TomlPath, name: str) -> Template:
        """The template that is the content of the file `name` in the narrative's own folder, or in one of the context."""
        if self.folders is None:
            self.problems.add(path, "a narrative that comes as text can't read files", "write the text into content")
            return Template()
        try:
            text = read_within(self.folders, name, self.limits.string_chars, above=self.above)
        except Unreadable as error:
            hint = "put it beside the narrative, or its folder into [context] path of the settings"
            self.problems.add(path, f"{shown(name)}: {error}", hint if isinstance(error, Missing) else "")
            return Template()
        if not text.strip():
            self.problems.add(path, f"{shown(name)}: is empty")
        return self._parse(path, text, file=name)

    def adopt(self, name: str, other: Texts) -> None:
        """Counts the texts of a resource as this act's own, its references once however often it is used."""
        self.size += other.size
        if name not in self.adopted:
            self.adopted.add(name)
            self.uses.extend(other.uses)
            self.loose.extend(other.loose)

    def _parse(self, path: TomlPath, text: str, *, file: str) -> Template:
        lacked = len(self.environment.missing)
        parsed = parse_template(text, self.environment)
        for name in self.environment.missing[lacked:]:
            self._warn_of_unset(path, text, name, file)
        self.faults += len(parsed.faults)
        for fault in parsed.faults:
            line = text.count("\n", 0, fault.offset) + 1
            where = f"{shown(file)}, line {line}: " if file else ""
            self.problems.add(path, where + fault.message, fault.hint, offset=None if file else fault.offset)
        for reference, offset in zip(parsed.template.references, parsed.offsets, strict=True):
            self.uses.append(Use(reference, path, None if file else offset, file))
        for braces in parsed.braces:
            self.loose.append(Loose(braces, path, None if file else braces.offset, file))
        self.size += sum(len(one) if isinstance(one, str) else _REFERENCE_WEIGHT for one in parsed.template.parts)
        return parsed.template

    def _warn_of_unset(self, path: TomlPath, text: str, name: str, file: str) -> None:
        """Says once for each variable, at its first place, that a placeholder stands in for it."""
        where = f"{shown(file)}: " if file else ""
        place = max(text.find(f"${{{name}}}"), text.find(f"${{env:{name}}}"))
        message = f"{where}${{{shown(name)}}} is not set in the environment"
        hint = f"set {shown(name)} where the narrative is run or enqueued"
        self.problems.warn(path, message, hint, offset=None if file or place < 0 else place)
