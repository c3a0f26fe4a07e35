"""Records where a setting comes from: a line of a file, an environment variable, or a flag. Reads no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botticelli.toml_text.lexer import Positions, Refusal, tokenize

PREFIX = "BOTTICELLI_"
SHORT_NAMES = {
    "BOTTICELLI_DATABASE_URL": "database.url",
    "BOTTICELLI_REDIS_URL": "redis.url",
    "DATABASE_URL": "database.url",
    "REDIS_URL": "redis.url",
}

SettingPath = tuple[str | int, ...]
"""Keys and list indexes from the root: `("drivers", "echo", "errors", 0)`."""


LONGEST_KEY = 80


def shortened(key: str) -> str:
    """Return a key for a message, on one line."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in key)
    return plain if len(plain) <= LONGEST_KEY else f"{plain[: LONGEST_KEY - 1]}…"


@dataclass(frozen=True, slots=True)
class Origins:
    """The three sources of one `Settings`; `environment` names the variable of each dotted key.

    Settings with the same values are equal, wherever they come from.
    """

    file: Path | None = field(default=None, compare=False)
    text: str = field(default="", compare=False)
    environment: Mapping[str, str] = field(default_factory=dict, compare=False)
    flags: Sequence[str] = field(default=(), compare=False)
    is_founding: bool = field(default=False, compare=False)
    """Whether the file has the form of the founding system."""

    def where(self, path: SettingPath) -> str:
        """Return the source of the setting at `path`, or of any setting in that table.

        The last source wins, as in the merge.
        """
        key = ".".join(map(str, path))
        flag = next((name for name in self.flags if _touches(name, key)), None)
        if flag is not None:
            return f"--set {shortened(flag)}"
        variable = next((self.environment[name] for name in self.environment if _touches(name, key)), None)
        if variable is not None:
            return f"environment variable {shortened(variable)}"
        return f"{self.file}{self._position(path)}" if self.file else shortened(key)

    def _position(self, path: SettingPath) -> str:
        """Return `:LINE:COLUMN`, or nothing when the file does not contain it."""
        tokens = tokenize(self.text)
        line, column = (0, 0) if isinstance(tokens, Refusal) else Positions(self.text, tokens).at(path)
        return f":{line}:{column}" if line else ""


def _touches(name: str, key: str) -> bool:
    """Whether the source `name` sets `key`, a part of it, or its table as one JSON text."""
    return name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.")
