"""Which scopes there are: of the settings, of runs that go on, and of the ledger's last day. Spends nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from botticelli.budget import Scope, Ticket
from botticelli.budget.limits import multiplied
from botticelli.cli.follow.budget_bars import scopes_of
from botticelli.drivers import Driver, ModelName, SaysReadiness
from botticelli.errors import NotFound
from botticelli.runtime.process import Runtime

GOING_ON = ("queued", "running", "waiting", "paused")
MOST_RUNS = 1000
MULTIPLIERS = {"rpm_multiplier", "tpm_multiplier", "rpd_multiplier"}


def usual_scopes(runtime: Runtime) -> dict[str, Scope]:
    """By name, with their usual limits. Runs that go on come before settings, settings before the ledger."""
    multipliers = runtime.settings.budget.model_dump(include=MULTIPLIERS)
    scopes = {scope.name: multiplied(scope, multipliers) for scope in map(runtime.scope, _models(runtime))}
    scopes |= {scope.name: scope for scope in _own_scopes(runtime)}
    scopes |= {pace.scope: runtime.pacing.scope(pace) for pace in runtime.platforms.paces()}
    with runtime.store.transaction() as tx:
        for name, share in tx.spending.recent_scopes().items():
            scopes.setdefault(name, scope_in(share) or Scope(name))
        for run in reversed(tx.runs.recent(statuses=GOING_ON, limit=MOST_RUNS)):
            scopes |= {scope.name: scope for scope in scopes_of(runtime, tx, run.id)[0]}
    return dict(sorted(scopes.items()))


def known_scopes(runtime: Runtime) -> list[Scope]:
    """Each once, by name, with the limits that are in force."""
    return [runtime.in_force(scope) for scope in usual_scopes(runtime).values()]


def find_scope(runtime: Runtime, name: str) -> Scope:
    """With its usual limits, by its name or the beginning of it. NotFound for none or several."""
    scopes, name = usual_scopes(runtime), _spelled(runtime, name)
    found = [scope for known, scope in scopes.items() if known == name] or [
        scope for known, scope in scopes.items() if known.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    offer = ", ".join([scope.name for scope in found] or difflib.get_close_matches(name, scopes, 3, 0.3))
    what = f"several scopes begin with {name!r}" if found else f"there is no scope {name!r}"
    raise NotFound(what, do=offer or "see `botticelli budget`")


def _spelled(runtime: Runtime, name: str) -> str:
    """A model's scope by the spelling of its budget: `gemini/models/gemini-x@free` is `gemini/gemini-x@free`."""
    model, at, tier = name.strip().partition("@")
    provider, slash, bare = model.partition("/")
    if not (slash and bare and provider.lower() in runtime.drivers.names()):
        return name.strip()
    return f"{runtime.drivers.resolve(model)}{at}{tier}"


def scope_in(share: Mapping[str, Any] | None) -> Scope | None:
    """The scope of a share as tickets and ledger keep it."""
    return Ticket.from_json({"id": "", "lease_until_ms": 0, "shares": [share]}).shares[0].scope if share else None


def _own_scopes(runtime: Runtime) -> Iterator[Scope]:
    budgets = runtime.settings.budgets
    for narrative in budgets.narratives:
        yield from runtime.own_scopes(narrative=narrative)
    yield from runtime.own_scopes(guilds=budgets.guilds)
    for tenant in budgets.tenants:
        yield from runtime.own_scopes(tenant=tenant)


def _models(runtime: Runtime) -> Iterator[ModelName]:
    """The default model, and every model that a tier names, of the providers that are set up here."""
    settings = runtime.settings
    yield runtime.drivers.resolve(settings.default_model)
    for provider in runtime.drivers.names():
        driver, configured = runtime.drivers.get(provider), settings.providers.get(provider)
        for source in (driver.rate_limits() if _is_set_up(driver) else None, configured):
            for tier in source.tiers.values() if source else ():
                yield from (runtime.drivers.resolve(f"{provider}/{model}") for model in tier.models)


def _is_set_up(driver: Driver) -> bool:
    """Whether it could be asked as it is: a key that it needs is there, or it has a server of one's own."""
    if not isinstance(driver, SaysReadiness):
        return True
    found = driver.readiness()
    return found.has_key is not False or found.base_url is not None
