"""The limits that providers publish, shipped as `providers/*.toml`. Overrides and tiers in force are not its business."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from botticelli.settings.definitions import Provider

FOLDER = files("botticelli.settings").joinpath("providers")


@cache
def published_providers() -> frozenset[str]:
    """Names of the providers that a table is shipped for."""
    return frozenset(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml"))


@cache
def published_limits(provider: str) -> Provider:
    """Tier by tier and model by model, each tier with `as_of` and `source`; without tiers where nothing is shipped.

    A driver's `rate_limits()` is this for a provider that has a table.
    """
    if provider not in published_providers():
        return Provider()
    return Provider.model_validate(tomllib.loads(FOLDER.joinpath(f"{provider}.toml").read_text(encoding="utf-8")))
