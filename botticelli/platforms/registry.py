"""Finds platforms by entry point, and the one that the settings name for `platform = "..."`. Performs no command."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib.metadata import entry_points

from botticelli.errors import InvalidInput
from botticelli.platforms.protocol import Platform
from botticelli.settings.model import PlatformSettings

GROUP = "botticelli.platforms"
KNOWN = ("discord",)
"""Names that narratives may use without a table of their own in the settings."""


class Platforms:
    """The platforms of one process, each made when it is first used."""

    def __init__(self, settings: Mapping[str, PlatformSettings]) -> None:
        self._settings = settings
        self._made: dict[str, Platform] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """All implementations that are installed."""
        return sorted({point.name for point in entry_points(group=GROUP)})

    def get(self, name: str) -> Platform:
        """The implementation of what a narrative calls `name`. InvalidInput when there is none."""
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def _make(self, name: str) -> Platform:
        settings = self._settings.get(name)
        if settings is None and name not in KNOWN and name not in self.names():
            raise InvalidInput(f"there is no platform {name!r}", do=f"known: {', '.join({*KNOWN, *self.names()})}")
        implementation = settings.implementation if settings else (name if name in self.names() else "echo")
        point = next((point for point in entry_points(group=GROUP) if point.name == implementation), None)
        if point is None:
            offer = ", ".join(self.names()) or "none"
            where = f"[platforms.{name}] implementation"
            raise InvalidInput(f"there is no platform {implementation!r}", where=where, do=f"installed: {offer}")
        platform: Platform = point.load()(name, settings.options if settings else {})
        return platform
