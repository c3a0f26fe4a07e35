"""`botticelli budget`: what is used and held in every window of every known scope. Spends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from botticelli.cli.arguments import NounGroup, json_option
from botticelli.cli.invocation import Invocation, pass_invocation
from botticelli.cli.output import plain, print_json

if TYPE_CHECKING:
    from botticelli.budget import Scope, ScopeUsage
    from botticelli.drivers import ModelName
    from botticelli.runtime import Runtime

GOING_ON = ("queued", "running", "waiting", "paused")
MOST_RUNS = 1000


@click.group(cls=NounGroup, bare="show", short_help="Show what is used of the limits of each model.")
def budget() -> None:
    """Show what is used of the limits of each model. Without a command: `show`."""


@budget.command("show", short_help="Used, held, limit and rest of every window.")
@json_option
@pass_invocation
def show(invocation: Invocation, as_json: bool) -> None:
    """Used, held, limit and rest of every window: of the models that the settings and the drivers give limits for, and
    of those that the runs which aren't over spend from."""
    runtime = invocation.runtime
    usages = [runtime.budget.usage(scope) for scope in known_scopes(runtime)]
    if as_json:
        print_json([as_object(usage) for usage in usages])
        return
    from botticelli.cli.gauges import gauge_lines

    click.echo("\n".join(gauge_lines(usages)))


def known_scopes(runtime: Runtime) -> list[Scope]:
    """Each once, by name."""
    from botticelli.budget.limits import multiplied
    from botticelli.cli.gauges import scopes_of

    multipliers = runtime.settings.budget.model_dump(include={"rpm_multiplier", "tpm_multiplier", "rpd_multiplier"})
    scopes = [multiplied(runtime.scope(model), multipliers) for model in _models(runtime)]
    budgets = runtime.settings.budgets
    for narrative in budgets.narratives:
        scopes += runtime.own_scopes(narrative=narrative, guilds=())
    scopes += runtime.own_scopes(narrative="", guilds=budgets.guilds)
    with runtime.store.transaction() as tx:
        for run in tx.runs.recent(statuses=GOING_ON, limit=MOST_RUNS):
            scopes += scopes_of(runtime, tx, run.id)[0]
    by_name: dict[str, Scope] = {}
    for scope in scopes:
        by_name.setdefault(scope.name, scope)
    return sorted(by_name.values(), key=lambda scope: scope.name)


def as_object(usage: ScopeUsage) -> dict[str, object]:
    """`limit`, `used`, `held`, `remaining` and `resets_after_ms` of each window, and what holds the scope."""
    windows = [
        {
            "window": window.window.name,
            **plain(window.window),
            "used": window.used,
            "held": window.held,
            "remaining": window.remaining,
            "resets_after_ms": window.resets_after_ms,
        }
        for window in usage.windows
    ]
    return {**plain(usage), "windows": windows}


def _models(runtime: Runtime) -> Iterator[ModelName]:
    """The default model, and every model that a tier names."""
    from botticelli.drivers import ModelName

    settings = runtime.settings
    yield runtime.drivers.resolve(settings.default_model)
    for provider in runtime.drivers.names():
        shipped, configured = runtime.drivers.get(provider).rate_limits(), settings.providers.get(provider)
        for source in (shipped, configured):
            for tier in source.tiers.values() if source else ():
                yield from (ModelName(provider, model) for model in tier.models)
