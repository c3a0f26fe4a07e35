"""Reads the texts of a narrative as templates, and collects their references, act by act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botticelli.narrative.model import Reference, Template
from botticelli.narrative.source.environment import Environment
from botticelli.narrative.source.media_store import MediaStore
from botticelli.narrative.source.problems import Problems, shown
from botticelli.narrative.source.source_text import FileMissing, SourceLimits, Unreadable, read_within
from botticelli.narrative.templates.template import Braces, parse_template
from botticelli.toml_text.lexer import TomlPath
from botticelli.untrusted.storable import is_blank

_REFERENCE_WEIGHT = 64
"""Characters that a reference counts for in the size of a narrative: about its size in a snapshot."""


@dataclass(frozen=True, slots=True)
class ReferenceUse:
    """Holds one reference in one text of an act with its place. `offset` is None in a text from another file."""

    reference: Reference
    path: TomlPath
    offset: int | None
    file: str = ""

    @property
    def place(self) -> str:
        """Return the start of a message about it: the file, if the text is from one."""
        return f"{shown(self.file)}: " if self.file else ""


@dataclass(frozen=True, slots=True)
class PlacedBraces:
    """Holds a name in single braces in one text with its place; it is printed as it is, unless it is a mistake."""

    braces: Braces
    path: TomlPath
    offset: int | None
    file: str = ""


def check_header_uses(uses: Sequence[ReferenceUse], problems: Problems) -> None:
    """Check that the narrative's system text reads no act: every act gets it, the first included."""
    for use in uses:
        if use.reference.kind in {"act", "previous"}:
            message = f"{use.place}{shown(use.reference.text)}: the system text of the narrative can't read an act"
            problems.add(use.path, message, "move it into the acts", offset=use.offset)


@dataclass(slots=True)
class TemplateReader:
    """Reads the texts of one act, or of the narrative's header."""

    problems: Problems
    environment: Environment
    limits: SourceLimits
    folders: tuple[Path, ...] | None
    media: MediaStore = field(default_factory=MediaStore)
    """Media of the whole narrative."""
    above: tuple[Path, ...] = ()
    """Folders searched last."""
    uses: list[ReferenceUse] = field(default_factory=list)
    loose: list[PlacedBraces] = field(default_factory=list)
    performs: list[tuple[TomlPath, str]] = field(default_factory=list)
    """Names of the narratives among the inputs, in order, each with its path."""
    size: int = 0
    faults: int = 0
    """Number of faults in its texts."""
    included: set[str] = field(default_factory=set)
    """Names of the resources whose texts are included here."""

    def template(self, path: TomlPath, text: str) -> Template:
        """Parse the string at `path`; a blank one is a problem."""
        if is_blank(text):
            self.problems.add(path, "is empty", "write some text")
        return self._parse(path, text, file="")

    def argument(self, path: TomlPath, text: str) -> Template:
        """Parse the string at `path`, which may be blank."""
        return self._parse(path, text, file="")

    def file(self, path: TomlPath, name: str) -> Template:
        """Parse the content of the file `name` in the narrative's own folder, or in a folder of the context."""
        if self.folders is None:
            self.problems.add(path, "a narrative sent as text can't read files", "write the text into content")
            return Template()
        try:
            text = read_within(self.folders, name, self.limits.string_chars, above=self.above)
        except Unreadable as error:
            hint = "put it beside the narrative, or its folder into [context] path of the settings"
            self.problems.add(path, f"{shown(name)}: {error}", hint if isinstance(error, FileMissing) else "")
            return Template()
        if not text.strip():
            self.problems.add(path, f"{shown(name)}: is empty")
        return self._parse(path, text, file=name)

    def include(self, name: str, other: TemplateReader) -> None:
        """Count the texts of a resource as this act's own, its references only once however often it is used."""
        self.size += other.size
        if name not in self.included:
            self.included.add(name)
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
        for reference, offset in zip(parsed.references, parsed.offsets, strict=True):
            self.uses.append(ReferenceUse(reference, path, None if file else offset, file))
        for braces in parsed.braces:
            self.loose.append(PlacedBraces(braces, path, None if file else braces.offset, file))
        self.size += sum(len(part) if isinstance(part, str) else _REFERENCE_WEIGHT for part in parsed.template.parts)
        return parsed.template

    def _warn_of_unset(self, path: TomlPath, text: str, name: str, file: str) -> None:
        """Warn of an unset variable at its first place in the text."""
        where = f"{shown(file)}: " if file else ""
        place = max(text.find(f"${{{name}}}"), text.find(f"${{env:{name}}}"))
        message = f"{where}${{{shown(name)}}} is not set in the environment"
        hint = f"set {shown(name)} where the narrative is run or enqueued"
        self.problems.warn(path, message, hint, offset=None if file or place < 0 else place)
