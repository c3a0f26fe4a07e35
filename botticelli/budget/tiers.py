"""Finds the tier that applies to a provider and the entry that applies to a model, by present and former names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from botticelli.errors import SettingsError
from botticelli.settings import ModelLimits, Provider, Tier

ANY_MODEL = "*"
"""Key of the entry for models that no other entry fits."""


@dataclass(frozen=True, slots=True)
class FoundTier:
    """A tier by its present name. `places` are its tables: from the settings, then the shipped one. `former`: its old name."""

    name: str
    places: tuple[Tier, ...]
    former: str | None = None


def find_tier(
    provider: str,
    shipped: Provider,
    configured: Provider | None,
    default_tier: str | None = None,
    requested: str | None = None,
) -> FoundTier | None:
    """Return the tier whose limits apply; None for a provider without tiers.

    The choice is `requested`, else that of the configured provider, else `default_tier` if the provider has such a tier,
    else the shipped default. Raises SettingsError for a tier that does not exist.
    """
    sources = tuple(source for source in (configured, shipped) if source)
    general = default_tier if default_tier and _lookup(sources, default_tier) else None
    name = requested or (configured.default_tier if configured else None) or general or shipped.default_tier
    if name is None:
        return None
    tier = _lookup(sources, name)
    if tier is None:
        raise _no_such_tier(provider, sources, name, is_requested=requested is not None)
    return tier


def find_entry(models: Mapping[str, ModelLimits], model: str) -> tuple[str, ModelLimits] | None:
    """Return the entry of a model with its key: its own name, else the longest pattern (`claude-opus-5*`) that fits."""
    if model in models:
        return model, models[model]
    fitting = [key for key in models if key.endswith("*") and model.startswith(key[:-1])]
    return max(((key, models[key]) for key in fitting), key=lambda entry: len(entry[0]), default=None)


def model_names(models: Mapping[str, ModelLimits]) -> Iterable[str]:
    """Yield the names of the entries: a model's, or that of a model class; nothing for patterns without a class."""
    for key, limits in models.items():
        if limits.shared or not key.endswith("*"):
            yield limits.shared or key


def _lookup(sources: Iterable[Provider], name: str) -> FoundTier | None:
    """Look a tier up by its name, by its name apart from case and spaces, or by a former name.

    A tier of the settings under a former name stands on the shipped one that it is called now.
    """
    named = [(key, source.tiers[key]) for source in sources if (key := _spelling(source.tiers, name)) is not None]
    renamed = next((now for source in sources if (now := _present_name(source, name)) is not None), None)
    if renamed is not None:
        places = [tier for source in sources if (tier := source.tiers.get(renamed)) is not None]
        if named:
            return FoundTier(named[0][0], (named[0][1], *places))
        return FoundTier(renamed, tuple(places), former=name) if places else None
    return FoundTier(named[-1][0], tuple(tier for _, tier in named)) if named else None


def _present_name(source: Provider, name: str) -> str | None:
    key = _spelling(source.former_tiers, name)
    return source.former_tiers[key] if key is not None else None


def _spelling(names: Iterable[str], name: str) -> str | None:
    """Return the spelling under which this name is listed; `Tier 1`, `tier-1` and `tier1` are one name."""
    by_plain = {_plain(known): known for known in names}
    return name if name in by_plain.values() else by_plain.get(_plain(name))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _no_such_tier(provider: str, sources: Iterable[Provider], name: str, *, is_requested: bool) -> SettingsError:
    tiers = list(dict.fromkeys(tier for source in sources for tier in source.tiers))
    offer = ", ".join(difflib.get_close_matches(name, tiers, 1) or tiers) or "none"
    settings = f"[providers.{provider}] default_tier, or {provider.upper().replace('-', '_')}_TIER"
    where = f"--tier {provider}" if is_requested else settings
    return SettingsError(f"there is no tier {name!r}", where=where, do=f"tiers of {provider}: {offer}")
