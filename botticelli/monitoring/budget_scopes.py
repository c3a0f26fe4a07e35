"""Lists the scopes of the settings, of runs that are not over, and of the last day's ledger; finds one by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from botticelli.budget import Scope, Ticket
from botticelli.budget.limits import multiplied
from botticelli.budget.tiers import model_names
from botticelli.drivers import Driver, ModelName, ReportsReadiness
from botticelli.errors import NotFound, SettingsError
from botticelli.monitoring.progress import scopes_of
from botticelli.runtime.process import Runtime
from botticelli.statuses import UNFINISHED
from botticelli.store import RunFilter

MAX_RUNS = 1000
MULTIPLIERS = {"rpm_multiplier", "tpm_multiplier", "rpd_multiplier"}


def configured_scopes(runtime: Runtime) -> dict[str, Scope]:
    """Return the scopes of the settings by name, with their usual limits."""
    multipliers = runtime.settings.budget.model_dump(include=MULTIPLIERS)
    budgets = [runtime.scopes.model_budget(model) for model in models_in_use(runtime)]
    scopes = {budget.account.name: budget.account for budget in budgets if budget.account}
    scopes |= {budget.scope.name: multiplied(budget.scope, multipliers) for budget in budgets}
    scopes |= {scope.name: scope for scope in _own_scopes(runtime)}
    return scopes | {limit.scope: runtime.limiter.scope(limit) for limit in runtime.platforms.platform_limits()}


def usual_scopes(runtime: Runtime) -> dict[str, Scope]:
    """Return all scopes by name with their usual limits; runs take precedence over settings, settings over the ledger."""
    scopes = configured_scopes(runtime)
    with runtime.store.transaction() as tx:
        for name, share in tx.spending.recent_scopes().items():
            scopes.setdefault(name, scope_in(share) or Scope(name))
        for run in reversed(tx.runs.recent(RunFilter(statuses=UNFINISHED, limit=MAX_RUNS))):
            scopes |= {scope.name: scope for scope in scopes_of(runtime, tx, run.id)[0]}
    return dict(sorted(scopes.items()))


def known_scopes(runtime: Runtime) -> list[Scope]:
    """Return all scopes sorted by name, with the limits in force."""
    return [runtime.scopes.in_force(scope, act="look") for scope in usual_scopes(runtime).values()]


def find_scope(runtime: Runtime, name: str) -> Scope:
    """Find a scope by name or unambiguous prefix, with its usual limits. NotFound for none or several."""
    scopes, name = usual_scopes(runtime), _normalized(runtime, name)
    matches = [scope for known, scope in scopes.items() if known == name] or [
        scope for known, scope in scopes.items() if known.startswith(name)
    ]
    if len(matches) == 1:
        return matches[0]
    offer = ", ".join([scope.name for scope in matches] or difflib.get_close_matches(name, scopes, 3, 0.3))
    problem = f"several scopes begin with {name!r}" if matches else f"there is no scope {name!r}"
    raise NotFound(problem, do=offer or "see `botticelli budget`")


def _normalized(runtime: Runtime, name: str) -> str:
    """Normalize a model's scope: `gemini/models/gemini-x@free` becomes `gemini/gemini-x@free`.

    A model that shares the scope of its class is found by its own name as well.
    """
    model, at, tier = name.strip().partition("@")
    provider, slash, bare = model.partition("/")
    if not (slash and bare and provider.lower() in runtime.drivers.names()):
        return name.strip()
    resolved = runtime.drivers.resolve(model)
    try:
        scope = runtime.scopes.model_budget(resolved, tier or None).scope.name
    except SettingsError:
        return f"{resolved}{at}{tier}"
    plain = f"{resolved}{at}{tier}"
    return plain if scope.startswith(plain) else scope if tier else scope.partition("@")[0]


def scope_in(share: Mapping[str, Any] | None) -> Scope | None:
    """Return the scope of a share as stored in tickets and the ledger; None without a share."""
    return Ticket.from_json({"id": "", "lease_until_ms": 0, "shares": [share]}).shares[0].scope if share else None


def _own_scopes(runtime: Runtime) -> Iterator[Scope]:
    budgets = runtime.settings.budgets
    for narrative in budgets.narratives:
        yield from runtime.scopes.custom(narrative=narrative)
    yield from runtime.scopes.custom(guilds=budgets.guilds)
    for tenant in budgets.tenants:
        yield from runtime.scopes.custom(tenant=tenant)


def models_in_use(runtime: Runtime) -> Iterator[ModelName]:
    """Yield the default model, and every model with limits of the providers that are set up here."""
    settings = runtime.settings
    yield runtime.drivers.resolve(runtime.default_model.model)
    for provider in runtime.drivers.names():
        driver, configured = runtime.drivers.get(provider), settings.providers.get(provider)
        for source in (driver.rate_limits() if _is_set_up(driver) else None, configured):
            for tier in source.tiers.values() if source else ():
                yield from (runtime.drivers.resolve(f"{provider}/{model}") for model in model_names(tier.models))


def _is_set_up(driver: Driver) -> bool:
    """Return whether the driver is usable: it needs no key, has one, or has a custom server."""
    if not isinstance(driver, ReportsReadiness):
        return True
    readiness = driver.readiness()
    return readiness.has_key is not False or readiness.base_url is not None
