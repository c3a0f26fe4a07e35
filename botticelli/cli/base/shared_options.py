"""Defines options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from botticelli.cli.base.completions import complete_runs
from botticelli.cli.base.context import Invocation
from botticelli.messages import SERVICE_TIERS

if TYPE_CHECKING:
    from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
    from botticelli.narrative.execution import ServiceTier

Command = TypeVar("Command", bound=Callable[..., Any])
LARGEST_COUNT = 1_000_000_000


class Count(click.IntRange):
    """Reads a whole number from `min` that Postgres can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; fail with what is wrong for one that is no number, too small or too large."""
        number = int(super().convert(value, param, ctx))
        if number > LARGEST_COUNT:
            self.fail(f"{value} is larger than {LARGEST_COUNT:,}.", param, ctx)
        return number


COUNT = Count(min=1)


class NounGroup(click.Group):
    """Runs the `bare` verb when none is given: `botticelli runs --json` is `botticelli runs list --json`."""

    def __init__(self, *args: Any, bare: str = "list", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bare = bare

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # completion offers the verbs of the group
            return super().parse_args(ctx, args)
        is_bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, [self.bare, *args] if is_bare else args)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON only.")(command)


def variables_option(command: Command) -> Command:
    """Add the repeatable `--var NAME=VALUE`, parsed into the mapping `variables`."""
    return click.option(
        "--var",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variables,
        help="Set a variable; repeatable.",
    )(command)


def multiplier_option(figure: str, words: str) -> Callable[[Command], Command]:
    """Return the option `--{figure}-multiplier`, a fraction above 0 and up to 1."""
    kind = click.FloatRange(min=0, max=1, min_open=True)
    return click.option(
        f"--{figure}-multiplier", type=kind, metavar="X", help=f"Use at most this fraction of the {words}."
    )


def model_and_tier_options(command: Command) -> Command:
    """Add `--model`, `--service-tier`, the repeatable `--tier PROVIDER=TIER`, a mapping `tiers`, and `--tenant`."""
    model = click.option("--model", metavar="PROVIDER/MODEL", help="Use this model for all acts.")
    tenant = click.option("--tenant", metavar="NAME", help="Also spend from this tenant's budget in the settings.")
    return model(service_tier_option(tiers_option(tenant(command))))


def service_tier_option(command: Command) -> Command:
    return click.option(
        "--service-tier",
        type=click.Choice(SERVICE_TIERS),
        help="Use this service tier for all calls: flex is slower at about half the price, priority faster and dearer.",
    )(command)


def tiers_option(command: Command) -> Command:
    """Add the repeatable `--tier PROVIDER=TIER`, parsed into the mapping `tiers`."""
    return click.option(
        "--tier",
        "tiers",
        multiple=True,
        metavar="PROVIDER=TIER",
        callback=_tiers,
        help="Use this tier of a provider; repeatable.",
    )(command)


def enqueue_options(
    *,
    rpm_multiplier: float | None,
    tpm_multiplier: float | None,
    rpd_multiplier: float | None,
    tiers: dict[str, str],
    tenant: str | None,
    model: str | None = None,
    service_tier: ServiceTier | None = None,
    **others: Any,
) -> EnqueueRequest:
    """Build `EnqueueRequest` from the options above; `others` are passed by their field names."""
    from botticelli.carousel.checks.run_options import checked_run_options
    from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
    from botticelli.narrative.execution import Multipliers

    multipliers = Multipliers(
        rpm_multiplier=rpm_multiplier, tpm_multiplier=tpm_multiplier, rpd_multiplier=rpd_multiplier
    )
    run_options = checked_run_options(tiers, tenant, model, service_tier)
    return EnqueueRequest(**others, multipliers=multipliers, run_options=run_options)


def _tiers(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    tiers: dict[str, str] = {}
    for text in given:
        provider, _, tier = text.partition("=")
        if not (provider and tier):
            raise click.BadParameter(f"{text!r} is not PROVIDER=TIER", ctx, parameter)
        if tiers.setdefault(provider, tier) != tier:
            raise click.BadParameter(
                f"{provider} has two tiers, {tiers[provider]} and {tier}; give one", ctx, parameter
            )
    return tiers


def _variables(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    variables = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx, parameter)
        variables[name] = value
    return variables


def run_argument(command: Command) -> Command:
    """Add the argument RUN: the beginning of a run's id, or `latest`."""
    return click.argument("run_id", metavar="RUN", shell_complete=complete_runs)(command)


def services_run(invocation: Invocation) -> bool:
    """Return whether Postgres and Redis are up; configured servers are assumed to be. Starts nothing."""
    settings = invocation.settings
    if settings.database.url and settings.redis.url:
        return True
    from botticelli import services

    return all(service.state == "running" for service in services.status(settings.home))
