"""Checks whether a model accepts a medium, before anything is paid. Sends nothing."""

from __future__ import annotations

from botticelli.drivers.interface.capabilities import TakesMedia
from botticelli.drivers.interface.protocol import Driver, MediaKind


def media_refusal(driver: Driver, model: str, kind: MediaKind, *, by_url: bool) -> str | None:
    """Return why a medium is refused, as part of a sentence that names what is accepted; None when it is accepted."""
    inline = driver.media_kinds(model) if isinstance(driver, TakesMedia) else frozenset()
    fetched = driver.url_kinds(model) if isinstance(driver, TakesMedia) else frozenset()
    if kind in (fetched if by_url else inline):
        return None
    if by_url and kind in inline:
        return f"{driver.name}/{model} doesn't fetch {kind} inputs by URL; give it as a file"
    offer = ", ".join(sorted(inline)) or "text only"
    return f"{driver.name}/{model} takes no {kind} inputs; it takes {offer}"
