"""Splits a file into its narratives: the one of the file itself and those with a table of their own.

Finds the table of each narrative; `outline` and `assembly` read what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botticelli.narrative.language import keys
from botticelli.narrative.language.value_rules import IDENTIFIER, TABLE, fits, read_table
from botticelli.narrative.source.problems import Problems, nearest, shown
from botticelli.toml_text.lexer import TomlPath

_TABLES = ("carousel", "budget", "variables", "schedule")
_NARRATIVE_KEYS = ("description", "narrative", *keys.OWN)
"""Keys that only a narrative has: a table with one of them is a narrative, not a misspelt table."""


@dataclass(frozen=True, slots=True)
class TomlValue:
    """Holds a value of the document and its path."""

    path: TomlPath
    value: Any


@dataclass(frozen=True, slots=True)
class NarrativeSection:
    """Holds one narrative of a file. `header` is its table without `own`: its own toc and acts, if it has any."""

    key: str | None
    """Name of its table; None for the narrative of the file itself."""
    header: TomlValue
    own: Mapping[str, Any]

    @property
    def title(self) -> str | None:
        name = self.header.value.get("name")
        return name if IDENTIFIER.accepts(name) else self.key

    @property
    def refers_to(self) -> str | None:
        """Name the narrative elsewhere that this one only refers to; None when it is a narrative itself."""
        target = self.header.value.get("narrative")
        known = (*keys.REFERRING.known, *keys.REFERRING.tolerated)
        return target if isinstance(target, str) and not self.own and self.header.value.keys() <= {*known} else None


@dataclass(slots=True)
class NarrativeSections:
    """Holds the narratives of a file. `root` is its checked top level, `main` the file's own narrative, if it has one."""

    root: dict[str, Any]
    main: NarrativeSection | None = None
    named: dict[str, NarrativeSection] = field(default_factory=dict)
    has_acts: bool = False
    """Tells whether acts are written at the top level, valid or not."""

    @property
    def all(self) -> list[NarrativeSection]:
        return [*([self.main] if self.main else []), *self.named.values()]

    @property
    def titles(self) -> list[str]:
        """Return the name of each narrative as `find` takes it; empty for one that is named after its file."""
        return [section.key or section.title or "" for section in self.all]

    def find(self, name: str) -> NarrativeSection | None:
        """Find a narrative by the name of its table, else by its own `name`."""
        if name in self.named:
            return self.named[name]
        return next((section for section in self.all if section.title == name), None)

    @property
    def default(self) -> NarrativeSection | None:
        """Return the narrative that is loaded when no name is given."""
        return self.all[0] if self.main or len(self.named) == 1 else None


def read_sections(document: dict[str, Any], problems: Problems) -> NarrativeSections:
    """Read the narratives of a parsed file; what is wrong with its top level is added to `problems`."""
    root = read_table(problems, (), document, keys.ROOT, subject="a narrative file")
    result = NarrativeSections(root, has_acts=bool(document.get("acts") or document.get("act")))
    word, header = "metadata", dict[str, Any]()
    for header_name in ("metadata", "narrative"):
        own = dict(root.get(header_name, {}))
        for key in [key for key, value in own.items() if _is_narrative(key, value)]:
            _add_named(result, key, TomlValue((header_name, key), own.pop(key)), problems)
        for key in sorted(own.keys() & header.keys()):
            problems.add(
                (header_name, key),
                "[metadata] is another name for [narrative], which has this key too",
                "keep one of the two",
            )
        if own or header_name in root:
            word, header = header_name, header | own
    for key, value in root.get("narratives", {}).items():
        if fits(problems, ("narratives", key), value, TABLE):
            _add_named(result, key, TomlValue(("narratives", key), value), problems)
    _report_misplaced(word, header, problems)
    if not result.named or "name" in header or "toc" in {*header, *root}:
        result.main = _split_own(None, TomlValue((word,), header))
    else:
        _share_header(TomlValue((word,), header), result)
    return result


def _is_narrative(key: str, value: object) -> bool:
    """Tell whether a table inside [narrative] is a narrative of its own, not a table of this one or a misspelt one."""
    if not isinstance(value, dict) or key in {*keys.NARRATIVE.known, *keys.OWN, *keys.ROOT.known}:
        return False
    return any(own_key in value for own_key in _NARRATIVE_KEYS) or nearest(key, _TABLES) is None


def _add_named(result: NarrativeSections, key: str, table: TomlValue, problems: Problems) -> None:
    if not IDENTIFIER.accepts(key):
        problems.add(table.path, f"the name of a narrative must be {IDENTIFIER.words}")
    elif key in result.named:
        problems.add(table.path, f"there are two narratives called {shown(key)}", "give each a name of its own")
    else:
        result.named[key] = _split_own(key, table)


def _split_own(key: str | None, table: TomlValue) -> NarrativeSection:
    own = {name: table.value[name] for name in keys.OWN if name in table.value}
    rest = {name: value for name, value in table.value.items() if name not in own}
    return NarrativeSection(key, TomlValue(table.path, rest), own)


def _report_misplaced(word: str, header: dict[str, Any], problems: Problems) -> None:
    for key in [name for name in header if name in keys.ROOT.known and name not in {*keys.NARRATIVE.known, *keys.OWN}]:
        problems.add((word, key), f"belongs to the file, not to [{word}]", "write it above every [header]")
        del header[key]


def _share_header(header: TomlValue, result: NarrativeSections) -> None:
    """Give the keys of a [narrative] without a name to all narratives of the file that don't set them themselves."""
    for key, section in result.named.items():
        both = {name: value for name, value in header.value.items() if name not in keys.OWN} | section.header.value
        if section.refers_to is None:
            result.named[key] = NarrativeSection(key, TomlValue(section.header.path, both), section.own)
