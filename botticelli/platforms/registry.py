"""Finds the platform for `platform = "..."`, by settings and entry points. Performs no command."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from botticelli.errors import InvalidInput
from botticelli.loading.plug_ins import plug_ins
from botticelli.platforms.protocol import Closes, Configurable, Platform, PlatformContext
from botticelli.platforms.rate_limits import PlatformLimit, RateLimited
from botticelli.settings import did_you_mean
from botticelli.settings.definitions import PlatformSettings

GROUP = "botticelli.platforms"
KNOWN = ("discord",)
"""Names that narratives may use without a `[platforms.NAME]` table in the settings."""
REHEARSING = "echo"


class Platforms:
    """Makes the platforms of one process, each on first use."""

    def __init__(self, settings: Mapping[str, PlatformSettings], place: PlatformContext | None = None) -> None:
        self._settings = settings
        self._place = place
        self._made: dict[tuple[str, bool], Platform] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """List the installed implementations."""
        return sorted(plug_ins(GROUP))

    def platform_limits(self) -> list[PlatformLimit]:
        """List the rate limits of each platform that is configured or ready to use."""
        by_scope: dict[str, PlatformLimit] = {}
        for name in (*KNOWN, *sorted(self._settings.keys() - set(KNOWN))):
            platform = self.get(name)
            lacks = platform.missing_requirement() if isinstance(platform, Configurable) else None
            if isinstance(platform, RateLimited) and (name in self._settings or not lacks):
                by_scope |= {limit.scope: limit for limit in platform.platform_limits()}
        return list(by_scope.values())

    def get(self, name: str, *, rehearse: bool = False) -> Platform:
        """Return the platform that a narrative calls `name`; with `rehearse`, one that changes nothing outside.

        Raises InvalidInput if there is none.
        """
        with self._lock:
            if (name, rehearse) not in self._made:
                self._made[name, rehearse] = self._make(name, rehearse)
            return self._made[name, rehearse]

    def close(self) -> None:
        """Close the connections of all platforms."""
        with self._lock:
            made = [self._made.pop(key) for key in list(self._made)]
        for item in made:
            if isinstance(item, Closes):
                item.close()

    def _make(self, name: str, rehearse: bool) -> Platform:
        settings = self._settings.get(name) or PlatformSettings()
        if name not in self._settings and name not in KNOWN and name not in self.names():
            raise InvalidInput(f"unknown platform {name!r}", do=f"known: {', '.join({*KNOWN, *self.names()})}")
        own = settings.implementation or (name if name in self.names() else REHEARSING)
        implementation = REHEARSING if rehearse else own
        point = plug_ins(GROUP).get(implementation)
        if point is None:
            do = did_you_mean(implementation, self.names()) or f"installed: {', '.join(self.names()) or 'none'}"
            where = f"[platforms.{name}] implementation"
            raise InvalidInput(f"unknown platform {implementation!r}", where=where, do=do)
        base_url = {} if settings.base_url is None else {"base_url": settings.base_url}
        platform: Platform = point.load()(name, settings.options | base_url)
        if self._place is not None and isinstance(platform, Configurable):
            platform.configure(self._place)
        return platform
