"""Options and arguments that several commands have, and what a shell can complete in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from botticelli.cli.invocation import Invocation

if TYPE_CHECKING:
    from botticelli.carousel.enqueue import EnqueueOptions

Command = TypeVar("Command", bound=Callable[..., Any])


class NounGroup(click.Group):
    """A noun without a verb is its `bare` verb: `botticelli runs --json` is `botticelli runs list --json`."""

    def __init__(self, *args: Any, bare: str = "list", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bare = bare

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, [self.bare, *args] if is_bare else args)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON only.")(command)


def variables_option(command: Command) -> Command:
    """`NAME=VALUE` texts as a mapping."""
    return click.option(
        "--var", "variables", multiple=True, metavar="NAME=VALUE", callback=_variables, help="A variable; repeatable."
    )(command)


def multiplier_option(figure: str, words: str) -> Callable[[Command], Command]:
    """`--rpm-multiplier` and its like."""
    kind = click.FloatRange(min=0, max=1, min_open=True)
    return click.option(f"--{figure}-multiplier", type=kind, metavar="X", help=f"Use this part of the {words}.")


def terms_options(command: Command) -> Command:
    """`--tier PROVIDER=TIER` as a mapping, and `--tenant`."""
    tenant = click.option("--tenant", metavar="NAME", help="Spend from this tenant's budget of the settings, too.")
    tiers = click.option(
        "--tier", "tiers", multiple=True, metavar="PROVIDER=TIER", callback=_tiers, help="Use this tier; repeatable."
    )
    return tiers(tenant(command))


def enqueue_options(
    *,
    rpm_multiplier: float | None,
    tpm_multiplier: float | None,
    rpd_multiplier: float | None,
    tiers: dict[str, str],
    tenant: str | None,
    **others: Any,
) -> EnqueueOptions:
    """What the options above say, and others by the names of `EnqueueOptions`."""
    from botticelli.carousel.enqueue import EnqueueOptions
    from botticelli.carousel.terms import terms_of
    from botticelli.narrative.model import Multipliers

    part = Multipliers(rpm_multiplier=rpm_multiplier, tpm_multiplier=tpm_multiplier, rpd_multiplier=rpd_multiplier)
    return EnqueueOptions(**others, multipliers=part, terms=terms_of(tiers, tenant))


def _tiers(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    tiers: dict[str, str] = {}
    for text in given:
        provider, _, tier = text.partition("=")
        if not (provider and tier):
            raise click.BadParameter(f"{text!r} is not PROVIDER=TIER", ctx, parameter)
        if tiers.setdefault(provider, tier) != tier:
            raise click.BadParameter(f"{provider} is given two tiers, {tiers[provider]} and {tier}", ctx, parameter)
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
    """The beginning of a run's id, or `latest`."""
    return click.argument("run_id", metavar="RUN", shell_complete=complete_runs)(command)


def complete_runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest runs. Nothing when the services aren't running: completing starts none."""
    with_settings = _invocation(ctx)
    try:
        if not services_run(with_settings):
            return []
        with with_settings.runtime.store.transaction() as tx:
            runs = tx.runs.recent(limit=50)
        found = [CompletionItem(run.id, help=f"{run.narrative}, {run.status}") for run in runs]
    except Exception:
        return []  # a shell that completes shows no errors
    finally:
        with_settings.close()
    return [item for item in (*found, CompletionItem("latest")) if item.value.startswith(incomplete)]


def complete_narratives(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names in the folders of the settings; the shell adds files."""
    try:
        settings = _invocation(ctx).settings
        folders = [settings.base / folder for folder in settings.narratives.path]
        names = {file.stem for folder in folders for file in folder.glob("*.toml")}
    except Exception:
        names = set()  # a shell that completes shows no errors
    found = [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
    return [*found, CompletionItem(incomplete, type="file")]


def _invocation(ctx: click.Context) -> Invocation:
    """While a shell completes, the top group is parsed but not called."""
    parameters = ctx.find_root().params
    return Invocation(parameters.get("config"), parameters.get("flags") or {})


def services_run(invocation: Invocation) -> bool:
    """Whether Postgres and Redis can be asked without starting any; servers that the settings name are taken to run."""
    settings = invocation.settings
    if settings.database.url and settings.redis.url:
        return True
    from botticelli import services

    return all(service.state == "running" for service in services.status(settings.home))
