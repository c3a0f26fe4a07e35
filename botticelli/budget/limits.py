"""Builds the scope of a model from published limits such as rpm and tpd. Grants nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from botticelli.budget.adaptation import CAREFUL, DAY_SECONDS, MINUTE_SECONDS, PUBLISHED, LearnedRange
from botticelli.budget.days import MONTH_SECONDS
from botticelli.budget.interface import Metric, Scope, Window, WindowKind
from botticelli.budget.tiers import ANY_MODEL, FoundTier, find_entry, find_tier
from botticelli.pricing import SET_NAMES, SetPrice
from botticelli.settings import Limits, ModelLimits, Provider, Tier
from botticelli.settings.sections.ramp import Ramp

RATES = (*(name for name in PUBLISHED if name != "max_concurrent"), "windows")
"""Names of the rates, which a provider may change."""
MICRO = 1_000_000
MULTIPLIERS: Mapping[tuple[Metric, float], str] = {
    ("requests", MINUTE_SECONDS): "rpm_multiplier",
    ("tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("input_tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("output_tokens", MINUTE_SECONDS): "tpm_multiplier",
    ("requests", DAY_SECONDS): "rpd_multiplier",
}


@dataclass(frozen=True, slots=True)
class Counting:
    """Describes how a provider counts: the kind of its minute windows, and the zone of its days (None: any 24 h).

    `cached_input`: whether input tokens that were read from a cache count.
    """

    minute_kind: WindowKind = "sliding"
    day_zone: str | None = None
    month_zone: str = "UTC"
    cached_input: bool = False


NO_PRICE = SetPrice()


@dataclass(frozen=True, slots=True)
class ModelBudget:
    """The scope of a model, and where its limits come from.

    `account` is the scope of the spend limits that all models of the provider share. `as_of`, `source` and `confidence`
    are those of the figures; `has_rates` is False where there are none that could be out of date.
    """

    scope: Scope
    set_price: SetPrice = NO_PRICE
    """The prices from the settings or the driver."""
    as_of: str | None = None
    source: str | None = None
    confidence: str | None = None
    has_rates: bool = False
    account: Scope | None = None
    counts_cached: bool = False
    learned: LearnedRange | None = None
    """Bounds of learned limits; None when limits are not learned."""
    ramp: Ramp | None = None
    note: str | None = None
    """A note for the user about limits that are a guess, and about a former name of the tier."""


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
    """Return the limits of a model, with the scope `provider/model@tier`, or `provider/class@tier` for a shared class.

    `configured` takes precedence over `shipped`, key by key, and `asked_tier` over any other choice of a tier. Raises
    SettingsError for a tier that does not exist.
    """
    tier = find_tier(provider, shipped, configured, default_tier, asked_tier)
    if tier is None:
        return ModelBudget(Scope(f"{provider}/{model}@default", (), guard_ms))
    entries = [entry for place in tier.places if (entry := find_entry(place.models, model))]
    learns = _learns(tier.places, configured, shipped)
    places = _places(tier.places, model)
    places += [CAREFUL] if learns and not any(getattr(place, rate) for place in places for rate in RATES) else []
    dated = next((place for place in places if place.as_of or place.source), None)
    counting = _counting(configured, shipped)
    name = next((limits.shared for _, limits in entries if limits.shared), None) or model
    scope = Scope(f"{provider}/{name}@{tier.name}", tuple(_windows(places, counting)), guard_ms)
    return ModelBudget(
        scope,
        set_price=_set_price(places),
        as_of=dated.as_of if dated else None,
        source=dated.source if dated else None,
        confidence=dated.confidence if dated else None,
        has_rates=dated is not None and any(getattr(dated, rate) is not None for rate in RATES),
        account=_account_scope(f"{provider}@{tier.name}", tier.places, counting, guard_ms),
        counts_cached=counting.cached_input,
        learned=_learned_range(places, configured, shipped) if learns else None,
        ramp=next((source.ramp for source in (configured, shipped) if source and source.ramp), None),
        note=_note(scope.name, tier, [key for key, _ in entries]),
    )


def _note(scope: str, tier: FoundTier, entries: Sequence[str]) -> str | None:
    is_known = any(key != ANY_MODEL for key in entries) or not any(place.models for place in tier.places)
    notes = [f"tier {tier.former} of {scope.partition('/')[0]} is called {tier.name} now"] if tier.former else []
    notes += [] if is_known else [f"{scope}: no limits are known for this model; its tier's defaults apply"]
    return "; ".join(notes) or None


def named_scope(kind: str, name: str, limits: Limits, guard_ms: int = 25) -> Scope:
    """Build the scope of a custom budget: `narrative:NAME`, `guild:ID` or `tenant:NAME`."""
    return Scope(f"{kind}:{name}", tuple(_windows([limits], Counting())), guard_ms)


def strictest(scopes: Sequence[Scope]) -> Scope:
    """Merge scopes of one name: all their windows, each with its lowest limit."""
    windows: dict[str, Window] = {}
    for window in (window for scope in scopes for window in scope.windows):
        known = windows.get(window.name)
        windows[window.name] = window if known is None or window.limit < known.limit else known
    return dataclasses.replace(scopes[0], windows=tuple(windows.values()))


def multiplied(scope: Scope, multipliers: Mapping[str, float | None]) -> Scope:
    """Return the scope with smaller minute and day limits; a limit never becomes less than 1."""
    windows = []
    for window in scope.windows:
        factor = multipliers.get(MULTIPLIERS.get((window.metric, window.period_seconds), "")) or 1.0
        windows.append(dataclasses.replace(window, limit=max(1, int(window.limit * factor))))
    return dataclasses.replace(scope, windows=tuple(windows))


def _places(tiers: Iterable[Tier], model: str) -> list[ModelLimits]:
    """Return where a figure may stand, most specific first: model and tier of the settings, then those that are shipped."""
    entries = ((find_entry(tier.models, model), tier) for tier in tiers)
    return [place for entry, tier in entries for place in ([entry[1], tier] if entry else [tier])]


def _set_price(places: Sequence[ModelLimits]) -> SetPrice:
    return SetPrice(
        **{name: next((p for place in places if (p := getattr(place, name)) is not None), None) for name in SET_NAMES}
    )


def _counting(*providers: Provider | None) -> Counting:
    """Return how the provider counts. For each property, the first of `providers` that sets it counts."""
    named = [provider for provider in providers if provider]
    kind: WindowKind = next((item.minute_kind for item in named if item.minute_kind), "sliding")
    cached = next((item.cached_input_counts for item in named if item.cached_input_counts is not None), False)
    day_zone = next((item.day_zone for item in named if item.day_zone), None)
    return Counting(kind, day_zone, next((item.month_zone for item in named if item.month_zone), "UTC"), cached)


def _learns(tiers: Iterable[Tier], configured: Provider | None, shipped: Provider) -> bool:
    """Return whether limits are learned. The order: configured tier, its provider, shipped tier, shipped provider."""
    mine = list(configured.tiers.values()) if configured else []
    modes = [tier.limits for tier in tiers if tier in mine] + [configured.limits if configured else None]
    modes += [*(tier.limits for tier in tiers if tier not in mine), shipped.limits]
    return next((mode for mode in modes if mode), None) == "learned"


def _learned_range(places: Sequence[Limits], *providers: Provider | None) -> LearnedRange:
    named = [provider for provider in providers if provider]
    least = next((provider.learned_min for provider in named if provider.learned_min), None)
    most = next((provider.learned_max for provider in named if provider.learned_max), None)
    return LearnedRange.of(places, least, most)


def _account_scope(name: str, tiers: Sequence[Tier], counting: Counting, guard_ms: int) -> Scope | None:
    """Return the scope of a tier's spend limits, in micro-dollars; None when it has none."""
    ten_minutes = next((tier.usd_per_10_minutes for tier in tiers if tier.usd_per_10_minutes), None)
    month = next((tier.usd_per_month for tier in tiers if tier.usd_per_month), None)
    windows = [Window("cost_microusd", int(ten_minutes * MICRO), 10 * MINUTE_SECONDS)] if ten_minutes else []
    if month:
        windows.append(Window("cost_microusd", int(month * MICRO), MONTH_SECONDS, "month", counting.month_zone))
    return Scope(name, tuple(windows), guard_ms) if windows else None


def _windows(places: Sequence[Limits], counting: Counting) -> Iterator[Window]:
    """Yield the windows of a scope. The first place that sets a figure counts; `windows` replaces figures of the same name."""
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
