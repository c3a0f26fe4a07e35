"""The narratives of one file: the one of the file itself, those with a table of their own, and which of them is meant.

Knows where a narrative's own table stands; what stands in it is read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, TABLE, fits, read_table
from botticelli.narrative.source.problems import Problems
from botticelli.narrative.source.suggest import nearest, shown
from botticelli.toml_text.positions import TomlPath

_TABLES = ("carousel", "budget", "variables", "schedule")
_TELLING = ("description", "narrative", *keys.OWN)
"""Keys that only a narrative has: a table with one of them is no misspelt table."""


@dataclass(frozen=True, slots=True)
class Written:
    """A value of the document and its path."""

    path: TomlPath
    value: Any


@dataclass(frozen=True, slots=True)
class Section:
    """One narrative of a file. `header` is its own table without `own`: its toc and acts, if it has any of its own."""

    key: str | None
    """The name of its table; None for the narrative of the file itself."""
    header: Written
    own: Mapping[str, Any]

    @property
    def title(self) -> str | None:
        name = self.header.value.get("name")
        return name if IDENTIFIER.accepts(name) else self.key

    @property
    def refers_to(self) -> str | None:
        """The narrative elsewhere that this is only another name for."""
        target = self.header.value.get("narrative")
        known = (*keys.REFERRING.known, *keys.REFERRING.tolerated)
        return target if isinstance(target, str) and not self.own and self.header.value.keys() <= {*known} else None


@dataclass(slots=True)
class Sections:
    """What a file holds: `root` is its checked top level; `main` the narrative of the file itself, if it is one."""

    root: dict[str, Any]
    main: Section | None = None
    named: dict[str, Section] = field(default_factory=dict)
    has_acts: bool = False
    """Acts are written at the top level, well or badly."""

    @property
    def all(self) -> list[Section]:
        return [*([self.main] if self.main else []), *self.named.values()]

    @property
    def titles(self) -> list[str]:
        """What `find` knows each narrative by; empty for a narrative that is called like its file."""
        return [one.key or one.title or "" for one in self.all]

    def find(self, name: str) -> Section | None:
        """By the name of its table, else by the name that it gives itself."""
        if name in self.named:
            return self.named[name]
        return next((one for one in self.all if one.title == name), None)

    @property
    def default(self) -> Section | None:
        """The narrative that is meant when nobody names one."""
        return self.all[0] if self.main or len(self.named) == 1 else None


def sections(document: dict[str, Any], problems: Problems) -> Sections:
    """The narratives of a parsed file; what is wrong with its top level is added to `problems`."""
    root = read_table(problems, (), document, keys.ROOT, what="a narrative file")
    found = Sections(root, has_acts=bool(document.get("acts") or document.get("act")))
    word, header = "metadata", dict[str, Any]()
    for one in ("metadata", "narrative"):
        own = dict(root.get(one, {}))
        for key in [key for key, value in own.items() if _is_narrative(key, value)]:
            _name(found, key, Written((one, key), own.pop(key)), problems)
        for key in sorted(own.keys() & header.keys()):
            problems.add(
                (one, key), "[metadata] is another word for [narrative], and says it too", "keep one of the two"
            )
        word, header = (one, header | own) if own or one in root else (word, header)
    for key, value in root.get("narratives", {}).items():
        if fits(problems, ("narratives", key), value, TABLE):
            _name(found, key, Written(("narratives", key), value), problems)
    _misplaced(word, header, problems)
    if not found.named or "name" in header or "toc" in {*header, *root}:
        found.main = _section(None, Written((word,), header))
    else:
        _share(Written((word,), header), found)
    return found


def _is_narrative(key: str, value: object) -> bool:
    """Whether a table inside [narrative] is a narrative of its own, not a table of this one or a misspelt one."""
    if not isinstance(value, dict) or key in {*keys.NARRATIVE.known, *keys.OWN, *keys.ROOT.known}:
        return False
    return any(one in value for one in _TELLING) or nearest(key, _TABLES) is None


def _name(found: Sections, key: str, table: Written, problems: Problems) -> None:
    if not IDENTIFIER.accepts(key):
        problems.add(table.path, f"the name of a narrative must be {IDENTIFIER.words}")
    elif key in found.named:
        problems.add(table.path, f"there are two narratives called {shown(key)}", "give each a name of its own")
    else:
        found.named[key] = _section(key, table)


def _section(key: str | None, table: Written) -> Section:
    own = {name: table.value[name] for name in keys.OWN if name in table.value}
    rest = {name: value for name, value in table.value.items() if name not in own}
    return Section(key, Written(table.path, rest), own)


def _misplaced(word: str, header: dict[str, Any], problems: Problems) -> None:
    for key in [one for one in header if one in keys.ROOT.known and one not in {*keys.NARRATIVE.known, *keys.OWN}]:
        problems.add((word, key), f"belongs to the file, not to [{word}]", "write it above every [header]")
        del header[key]


def _share(header: Written, found: Sections) -> None:
    """A [narrative] that names no narrative says what all narratives of the file have, unless they say it themselves."""
    for key, one in found.named.items():
        both = {name: value for name, value in header.value.items() if name not in keys.OWN} | one.header.value
        if one.refers_to is None:
            found.named[key] = Section(key, Written(one.header.path, both), one.own)
