"""Finds platforms by entry point, and the one that the settings name for `platform = "..."`. Performs no command."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib.metadata import entry_points

from botticelli.errors import InvalidInput
from botticelli.platforms.protocol import Closes, Place, Platform, Settled
from botticelli.platforms.rate_limits import Pace, Paced
from botticelli.settings import did_you_mean
from botticelli.settings.definitions import PlatformSettings

GROUP = "botticelli.platforms"
KNOWN = ("discord",)
"""Names that narratives may use without a table of their own in the settings."""
REHEARSING = "echo"


class Platforms:
    """The platforms of one process, each made when it is first used."""

    def __init__(self, settings: Mapping[str, PlatformSettings], place: Place | None = None) -> None:
        self._settings = settings
        self._place = place
        self._made: dict[tuple[str, bool], Platform] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """All implementations that are installed."""
        return sorted({point.name for point in entry_points(group=GROUP)})

    def paces(self) -> list[Pace]:
        """Return the pace of every platform that the settings name or that is ready to be used."""
        by_scope: dict[str, Pace] = {}
        for name in (*KNOWN, *sorted(self._settings.keys() - set(KNOWN))):
            platform = self.get(name)
            ready = name in self._settings or not (isinstance(platform, Settled) and platform.lacks())
            by_scope |= {
                pace.scope: pace for pace in (platform.paces() if ready and isinstance(platform, Paced) else ())
            }
        return list(by_scope.values())

    def get(self, name: str, *, rehearse: bool = False) -> Platform:
        """Return the implementation of what a narrative calls `name`.

        The implementation of what a narrative calls `name`; with `rehearse` the one that changes nothing outside.
        InvalidInput when there is none.
        """
        with self._lock:
            if (name, rehearse) not in self._made:
                self._made[name, rehearse] = self._make(name, rehearse)
            return self._made[name, rehearse]

    def close(self) -> None:
        """End the connections of all."""
        with self._lock:
            made = [self._made.pop(key) for key in list(self._made)]
        for item in made:
            if isinstance(item, Closes):
                item.close()

    def _make(self, name: str, rehearse: bool) -> Platform:
        settings = self._settings.get(name) or PlatformSettings()
        if name not in self._settings and name not in KNOWN and name not in self.names():
            raise InvalidInput(f"there is no platform {name!r}", do=f"known: {', '.join({*KNOWN, *self.names()})}")
        own = settings.implementation or (name if name in self.names() else REHEARSING)
        implementation = REHEARSING if rehearse else own
        point = next((point for point in entry_points(group=GROUP) if point.name == implementation), None)
        if point is None:
            do = did_you_mean(implementation, self.names()) or f"installed: {', '.join(self.names()) or 'none'}"
            where = f"[platforms.{name}] implementation"
            raise InvalidInput(f"there is no platform {implementation!r}", where=where, do=do)
        base_url = {} if settings.base_url is None else {"base_url": settings.base_url}
        platform: Platform = point.load()(name, settings.options | base_url)
        if self._place is not None and isinstance(platform, Settled):
            platform.settle_in(self._place)
        return platform
