"""Translates a document into the present form step by step, and tracks where each value was written."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from botticelli.toml_text.lexer import TomlPath


@dataclass(frozen=True, slots=True)
class Note:
    """Holds a message for the author; `path` is where its subject was written."""

    path: TomlPath
    message: str
    hint: str = ""


@dataclass(slots=True)
class Translation:
    """Changes `document` in place, step by step; `moved` maps the present path of a value to the path where it was written."""

    document: dict[str, Any]
    moved: dict[TomlPath, TomlPath] = field(default_factory=dict)
    warnings: list[Note] = field(default_factory=list)
    problems: list[Note] = field(default_factory=list)
    left_out: list[TomlPath] = field(default_factory=list)
    """Paths of the keys that have no effect, as written."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Start the translation of a copy of the document."""
        return cls(copy.deepcopy(dict(document)))

    def written(self, path: TomlPath) -> TomlPath:
        """Return the path where the value at `path` was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.moved:
                return (*self.moved[path[:length]], *path[length:])
        return path

    def warn(self, path: TomlPath, message: str, hint: str = "") -> None:
        """Add a warning for the author."""
        self.warnings.append(Note(self.written(path), message, hint))

    def refuse(self, path: TomlPath, message: str, hint: str = "") -> None:
        """Add a problem for the author."""
        self.problems.append(Note(self.written(path), message, hint))

    def move(self, path: TomlPath, old: str, new: str) -> None:
        """Rename a key of the table at `path`, which keeps its place in the order."""
        table: Any = self.document
        for step in path:
            table = table[step]
        items = [(new if key == old else key, value) for key, value in table.items()]
        self.moved[(*path, new)] = self.written((*path, old))
        table.clear()
        table.update(items)

    def move_into(self, path: TomlPath, key: str, target: TomlPath, into: dict[str, Any], new: str = "") -> None:
        """Move the value of a key of the table at `path` into another table."""
        table: Any = self.document
        for step in path:
            table = table[step]
        self.moved[(*target, new or key)] = self.written((*path, key))
        into[new or key] = table.pop(key)

    def spread(
        self, path: TomlPath, table: dict[str, Any], key: str, renamed: Mapping[str, str], known: Sequence[str]
    ) -> None:
        """Move the keys of the table under `key` into the table around it; unknown and repeated keys are left out."""
        inner = table.pop(key)
        written = self.written((*path, key))
        for old, value in inner.items():
            new = renamed.get(old, old)
            if new in known and new not in table:
                table[new] = value
                self.moved[(*path, new)] = (*written, old)
            else:
                self.left_out.append((*written, old))
                self.warnings.append(Note((*written, old), "has no effect"))

    def leave_out(self, path: TomlPath, table: dict[str, Any], message: str, hint: str = "") -> None:
        """Remove the key at the end of `path` from `table`, with a warning."""
        table.pop(str(path[-1]))
        self.left_out.append(self.written(path))
        self.warn(path, message, hint)
