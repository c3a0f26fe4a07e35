"""Reads the limits that providers publish, shipped as `providers/*.toml`. Applies no override and no tier."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from botticelli.settings.definitions import Provider

FOLDER = files("botticelli.settings").joinpath("providers")


@cache
def published_providers() -> frozenset[str]:
    """Return the names of the providers with a shipped table."""
    return frozenset(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml"))


@cache
def published_limits(provider: str) -> Provider:
    """Return limits by tier and model, each tier with `as_of` and `source`; no tiers when none are shipped.

    A driver's `rate_limits()` returns this for a provider with a table.
    """
    if provider not in published_providers():
        return Provider()
    return Provider.model_validate(tomllib.loads(FOLDER.joinpath(f"{provider}.toml").read_text(encoding="utf-8")))
