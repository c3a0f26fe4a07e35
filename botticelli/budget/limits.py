"""From limits as they are published (rpm, tpm, rpd, tpd, windows) to the scope of one model. Grants nothing."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from botticelli.budget.interface import Metric, Scope, Window, WindowKind
from botticelli.errors import SettingsError
from botticelli.pricing import SET_NAMES, SetPrice
from botticelli.settings import Limits, ModelLimits, Provider, Tier

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400.0
PUBLISHED: Mapping[str, tuple[Metric, float]] = {
    "rpm": ("requests", MINUTE_SECONDS),
    "tpm": ("tokens", MINUTE_SECONDS),
    "itpm": ("input_tokens", MINUTE_SECONDS),
    "otpm": ("output_tokens", MINUTE_SECONDS),
    "rpd": ("requests", DAY_SECONDS),
    "tpd": ("tokens", DAY_SECONDS),
    "max_concurrent": ("concurrency", MINUTE_SECONDS),
}
MULTIPLIERS: Mapping[tuple[Metric, float], str] = {
    ("requests", MINUTE_SECONDS): "rpm_multiplier",
    ("tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("input_tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("output_tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("requests", DAY_SECONDS): "rpd_multiplier",
}


@dataclass(frozen=True, slots=True)
class Counting:
    """The way a provider counts: the kind of its minute windows, and the zone of its days (None: any 24 h)."""

    minute_kind: WindowKind = "sliding"
    day_zone: str | None = None


NO_PRICE = SetPrice()


@dataclass(frozen=True, slots=True)
class ModelBudget:
    """The scope of a model, and where its limits come from.

    `known` is False for a model that its tier doesn't name while it names others: the tier's defaults apply then.
    `as_of` and `source` are those of the shipped figures.
    """

    scope: Scope
    known: bool = True
    set_price: SetPrice = NO_PRICE
    """The prices that the settings name, or the driver."""
    as_of: str | None = None
    source: str | None = None

    @property
    def note(self) -> str | None:
        """A note for the user about limits that are a guess."""
        name = self.scope.name
        return None if self.known else f"{name}: no limits are known for this model; its tier's defaults apply"


def model_budget(
    provider: str,
    model: str,
    *,
    shipped: Provider,
    configured: Provider | None,
    default_tier: str | None = None,
    asked_tier: str | None = None,
    guard_ms: int = 25,
) -> ModelBudget:
    """The scope `provider/model@tier`. `configured` wins over `shipped`, key by key; `asked_tier` over every other tier.

    SettingsError when the tier that is asked for by name doesn't exist.
    """
    tier = _tier(provider, shipped, configured, default_tier, asked_tier)
    if tier is None:
        return ModelBudget(Scope(f"{provider}/{model}@default", (), guard_ms))
    tiers = [item.tiers[tier] for item in (configured, shipped) if item and tier in item.tiers]
    named = [item.models[model] for item in tiers if model in item.models]
    published = [place for place in _places(tiers, model) if place.as_of or place.source]
    windows = tuple(_windows(_places(tiers, model), _counting(configured, shipped)))
    return ModelBudget(
        Scope(f"{provider}/{model}@{tier}", windows, guard_ms),
        known=bool(named) or not any(item.models for item in tiers),
        set_price=_set_price(_places(tiers, model)),
        as_of=next((place.as_of for place in published), None),
        source=next((place.source for place in published), None),
    )


def named_scope(kind: str, name: str, limits: Limits, guard_ms: int = 25) -> Scope:
    """The scope of a budget of one's own: `narrative:NAME`, `guild:ID` or `tenant:NAME`."""
    return Scope(f"{kind}:{name}", tuple(_windows([limits], Counting())), guard_ms)


def strictest(scopes: Sequence[Scope]) -> Scope:
    """One scope with the windows of all, which have one name; of the same window the lowest limit."""
    windows: dict[str, Window] = {}
    for window in (window for scope in scopes for window in scope.windows):
        known = windows.get(window.name)
        windows[window.name] = window if known is None or window.limit < known.limit else known
    return dataclasses.replace(scopes[0], windows=tuple(windows.values()))


def _tier(
    provider: str, shipped: Provider, configured: Provider | None, default_tier: str | None, text: str | None
) -> str | None:
    """Choose the tier whose limits apply.

    What was asked for; else the provider's own choice; else the general one, where the provider has such a tier; else
    the shipped one.
    """
    tiers = shipped.tiers | (configured.tiers if configured else {})
    named = (
        text or (configured.default_tier if configured else None) or (default_tier if default_tier in tiers else None)
    )
    tier = named or shipped.default_tier or ("default" if "default" in tiers else None)
    if tier is not None and tier not in tiers:
        near = difflib.get_close_matches(tier, tiers, 1) or sorted(tiers)
        offer = ", ".join(near) or "none"
        settings = f"[providers.{provider}] default_tier, or {provider.upper().replace('-', '_')}_TIER"
        where = f"--tier {provider}" if text else settings
        raise SettingsError(f"there is no tier {tier!r}", where=where, do=f"tiers of {provider}: {offer}")
    return tier


def multiplied(scope: Scope, multipliers: Mapping[str, float | None]) -> Scope:
    """The scope with its minute and day limits made smaller; a limit never becomes less than 1."""
    windows = []
    for window in scope.windows:
        factor = multipliers.get(MULTIPLIERS.get((window.metric, window.period_seconds), "")) or 1.0
        windows.append(dataclasses.replace(window, limit=max(1, int(window.limit * factor))))
    return dataclasses.replace(scope, windows=tuple(windows))


def lowered(scope: Scope, limits: Mapping[str, int]) -> Scope:
    """The scope with lower limits for the windows that `limits` names; a higher one changes nothing."""
    windows = (dataclasses.replace(w, limit=min(w.limit, limits.get(w.name, w.limit))) for w in scope.windows)
    return dataclasses.replace(scope, windows=tuple(windows)) if limits else scope


def _places(tiers: Iterable[Tier], model: str) -> list[ModelLimits]:
    """Return the places of a figure, the most specific first: configured model, configured tier, shipped model, tier."""
    return [place for tier in tiers for place in ([tier.models[model]] if model in tier.models else []) + [tier]]


def _set_price(places: Sequence[ModelLimits]) -> SetPrice:
    return SetPrice(
        **{name: next((p for place in places if (p := getattr(place, name)) is not None), None) for name in SET_NAMES}
    )


def _counting(*providers: Provider | None) -> Counting:
    """The first of the providers that says how it counts wins, for minutes and days each."""
    named = [provider for provider in providers if provider]
    kind: WindowKind = next((item.minute_kind for item in named if item.minute_kind), "sliding")
    return Counting(kind, next((item.day_zone for item in named if item.day_zone), None))


def _windows(places: Sequence[Limits], counting: Counting) -> Iterator[Window]:
    """The first place that names a figure wins. A window that `windows` spells out stands in for the published one."""
    spelled = [
        Window(item.metric, item.limit, item.period_seconds, item.kind, item.zone)
        for item in next((place.windows for place in places if place.windows), ())
    ]
    names = {window.name for window in spelled}
    for name, (metric, period_seconds) in PUBLISHED.items():
        limit = next((getattr(place, name) for place in places if getattr(place, name) is not None), None)
        if limit is not None:
            window = _published(metric, limit, period_seconds, counting)
            yield from () if window.name in names else (window,)
    yield from spelled


def _published(metric: Metric, limit: int, period_seconds: float, counting: Counting) -> Window:
    if metric == "concurrency":
        return Window(metric, limit, period_seconds)
    if period_seconds == DAY_SECONDS and counting.day_zone:
        return Window(metric, limit, period_seconds, "calendar", counting.day_zone)
    return Window(
        metric, limit, period_seconds, counting.minute_kind if period_seconds == MINUTE_SECONDS else "sliding"
    )
