"""From limits as they are published (rpm, tpm, rpd, tpd, windows) to the scope of one model. Grants nothing."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping

from botticelli.budget.model import Metric, Scope, Window
from botticelli.errors import SettingsError
from botticelli.settings import Limits, Provider, Tier

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
PUBLISHED: Mapping[str, tuple[Metric, float]] = {
    "rpm": ("requests", MINUTE_SECONDS),
    "tpm": ("tokens", MINUTE_SECONDS),
    "rpd": ("requests", DAY_SECONDS),
    "tpd": ("tokens", DAY_SECONDS),
}
MULTIPLIERS: Mapping[tuple[Metric, float], str] = {
    ("requests", MINUTE_SECONDS): "rpm_multiplier",
    ("tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("requests", DAY_SECONDS): "rpd_multiplier",
}


def model_scope(
    provider: str,
    model: str,
    *,
    shipped: Provider,
    configured: Provider | None,
    default_tier: str | None = None,
    guard_ms: int = 25,
) -> Scope:
    """The scope `provider/model@tier`. `configured` wins over `shipped`, key by key.

    SettingsError when the tier that is asked for by name doesn't exist.
    """
    tiers = shipped.tiers | (configured.tiers if configured else {})
    named = (configured.default_tier if configured else None) or (default_tier if default_tier in tiers else None)
    tier = named or shipped.default_tier
    if tier is None:
        return Scope(f"{provider}/{model}@default", (), guard_ms)
    if tier not in tiers:
        near = difflib.get_close_matches(tier, tiers, 1) or sorted(tiers)
        offer = ", ".join(near) or "none"
        where = f"[providers.{provider}] default_tier"
        raise SettingsError(f"there is no tier {tier!r}", where=where, do=f"tiers of {provider}: {offer}")
    windows = tuple(_windows(shipped.tiers.get(tier), configured.tiers.get(tier) if configured else None, model))
    return Scope(f"{provider}/{model}@{tier}", windows, guard_ms)


def multiplied(scope: Scope, multipliers: Mapping[str, float | None]) -> Scope:
    """The scope with its minute and day limits made smaller; a limit never becomes less than 1."""
    windows = []
    for window in scope.windows:
        factor = multipliers.get(MULTIPLIERS.get((window.metric, window.period_seconds), "")) or 1.0
        windows.append(dataclasses.replace(window, limit=max(1, int(window.limit * factor))))
    return dataclasses.replace(scope, windows=tuple(windows))


def _windows(shipped: Tier | None, configured: Tier | None, model: str) -> Iterator[Window]:
    """The most specific place that names a figure wins: configured model, configured tier, shipped model, shipped tier."""
    places: list[Limits] = []
    for tier in (configured, shipped):
        if tier is not None:
            places += [tier.models[model]] if model in tier.models else []
            places.append(tier)
    for name, (metric, period_seconds) in PUBLISHED.items():
        limit = next((getattr(place, name) for place in places if getattr(place, name) is not None), None)
        if limit is not None:
            yield Window(metric, limit, period_seconds)
    for setting in next((place.windows for place in places if place.windows), ()):
        yield Window(setting.metric, setting.limit, setting.period_seconds, setting.kind)
