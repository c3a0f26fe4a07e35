"""Texts of a narrative as templates: parses them where they stand and remembers what they refer to, act by act."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from botticelli.narrative.environment import Environment
from botticelli.narrative.model import Reference, Template
from botticelli.narrative.problems import Problems
from botticelli.narrative.shelf import Shelf
from botticelli.narrative.source import Limits, Unreadable, read_beside
from botticelli.narrative.suggest import shown
from botticelli.narrative.templates import parse_template
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


@dataclass(slots=True)
class Texts:
    """The texts of one act (or of the narrative's header)."""

    problems: Problems
    environment: Environment
    limits: Limits
    folder: Path | None
    shelf: Shelf = field(default_factory=Shelf)
    """The media of the whole narrative."""
    uses: list[Use] = field(default_factory=list)
    size: int = 0
    _adopted: set[str] = field(default_factory=set)

    def template(self, path: TomlPath, text: str) -> Template:
        """The template that the string at `path` is; a blank one is a problem."""
        if not text.strip():
            self.problems.add(path, "is empty", "write some text")
        return self._parse(path, text, file="")

    def argument(self, path: TomlPath, text: str) -> Template:
        """As `template`, for a place where text may be empty."""
        return self._parse(path, text, file="")

    def file(self, path: TomlPath, name: str) -> Template:
        """The template that is the content of the file `name` in the narrative's own folder."""
        if self.folder is None:
            self.problems.add(path, "a narrative that comes as text can't read files", "write the text into content")
            return Template()
        try:
            text = read_beside(self.folder, name, self.limits.string_chars)
        except Unreadable as error:
            self.problems.add(path, f"{shown(name)}: {error}")
            return Template()
        if not text.strip():
            self.problems.add(path, f"{shown(name)}: is empty")
        return self._parse(path, text, file=name)

    def adopt(self, name: str, other: Texts) -> None:
        """Counts the texts of a resource as this act's own, its references once however often it is used."""
        self.size += other.size
        if name not in self._adopted:
            self._adopted.add(name)
            self.uses.extend(other.uses)

    def _parse(self, path: TomlPath, text: str, *, file: str) -> Template:
        parsed = parse_template(text, self.environment)
        for fault in parsed.faults:
            line = text.count("\n", 0, fault.offset) + 1
            where = f"{shown(file)}, line {line}: " if file else ""
            self.problems.add(path, where + fault.message, fault.hint, offset=None if file else fault.offset)
        for reference, offset in zip(parsed.template.references, parsed.offsets, strict=True):
            self.uses.append(Use(reference, path, None if file else offset, file))
        self.size += sum(len(one) if isinstance(one, str) else _REFERENCE_WEIGHT for one in parsed.template.parts)
        return parsed.template
