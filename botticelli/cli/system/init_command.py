"""`botticelli init`: writes a commented botticelli.toml and a first narrative. Stores no key and calls no model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import safe
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import json_option
from botticelli.errors import InvalidInput

if TYPE_CHECKING:
    from botticelli.drivers import Drivers

PROVIDERS = ("anthropic", "openai", "gemini", "echo")
DEFAULT_USD_PER_MONTH = Decimal(20)
RUN_USD = Decimal("0.50")
"""Cap of one run of the first narrative."""
NARRATIVE = Path("narratives") / "first.toml"


@dataclass(frozen=True, slots=True)
class Choices:
    """Holds what the files are written from. `tier` is None for a provider without tiers."""

    provider: str
    model: str
    tier: str | None
    usd_per_month: Decimal
    key_names: tuple[str, ...]


@click.command("init", short_help="Write botticelli.toml and a first narrative.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--provider", type=click.Choice(PROVIDERS), help="Provider; default: one whose key is set.")
@click.option("--tier", metavar="TIER", help="Your tier at the provider; default: its entry tier.")
@click.option("--model", metavar="MODEL", help="Model; default: the provider's recommended low-priced one.")
@click.option("--usd-per-month", metavar="USD", help="Most dollars to spend in a calendar month; default: 20.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@json_option
@pass_invocation
def init(
    invocation: Invocation,
    /,
    *,
    folder: Path,
    provider: str | None,
    tier: str | None,
    model: str | None,
    usd_per_month: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a commented botticelli.toml and a first narrative into FOLDER, by default the working directory.

    Asks for provider, tier and the most dollars to spend in a month, unless options or a missing terminal answer.
    """
    drivers = invocation.runtime.drivers
    asks = sys.stdin.isatty() and not as_json
    if provider is None and model is not None:
        provider = drivers.resolve(model).provider
    provider = provider or _provider(drivers, invocation, asks=asks)
    choices = Choices(
        provider,
        _model(drivers, provider, model),
        _tier(drivers, provider, tier, asks=asks),
        _usd(provider, usd_per_month, asks=asks),
        _key_names(drivers, provider),
    )
    files = {folder / "botticelli.toml": settings_text(choices), folder / NARRATIVE: narrative_text()}
    _write(files, force=force)
    if as_json:
        print_json({"files": [str(file) for file in files], "model": choices.model, "tier": choices.tier})
        return
    click.echo("\n".join([*(f"wrote {safe(str(file))}" for file in files), *next_steps(folder, choices, drivers)]))


def _write(files: Mapping[Path, str], *, force: bool) -> None:
    """Write all files, or raise InvalidInput and write none if one exists and `force` is not given."""
    from botticelli.cli.narrative.narrative_write import write

    existing = [file for file in files if file.exists()]
    if existing and not force:
        do = "give --force to replace it, or another FOLDER"
        raise InvalidInput("the file already exists", where=str(existing[0]), do=do)
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, text, force=force)


def settings_text(choices: Choices) -> str:
    """Return the text of botticelli.toml."""
    lines = [
        "# Settings of Botticelli. All of them may be left out; the reference of settings lists what there is.",
        f'default_model = "{choices.model}" # of narratives and acts that name none',
    ]
    if choices.key_names:
        lines += ["", f"# The key is read from the environment: {' or '.join(choices.key_names)}."]
    if choices.tier is None:
        return "\n".join([*lines, ""])
    table = f"providers.{choices.provider}"
    lines += [f"[{table}]", f'default_tier = "{choices.tier}" # your tier at the provider, which sets the rate limits']
    lines += ["", f"[{table}.tiers.{choices.tier}]"]
    lines += [f"usd_per_month = {choices.usd_per_month} # no call starts that could cost more in a calendar month"]
    return "\n".join([*lines, ""])


def narrative_text() -> str:
    """Return the text of the first narrative: two acts, three iterations, a money cap."""
    return f"""# A narrative: acts in order, each one prompt to a model. Run it with `botticelli run first`.
[narrative]
name = "first"
description = "Drafts a product idea and tightens it"

[narrative.variables]
subject = "a lamp for reading outdoors" # `--var subject=...` gives another value

[narrative.carousel] # repeats the acts, and starts no iteration that the budget can't pay for
iterations = 3
max_cost_usd = {RUN_USD} # the run ends before it costs more

[acts]
draft = "Describe {{var.subject}} in three sentences. Idea number {{iteration}}."
tighten = "Make this half as long and keep every fact: {{act.draft.output}}"
"""


def next_steps(folder: Path, choices: Choices, drivers: Drivers) -> list[str]:
    """Return the commands that come next: the key if it is missing, then check and run."""
    from botticelli.drivers import ReportsReadiness

    driver = drivers.get(choices.provider)
    lacks_key = isinstance(driver, ReportsReadiness) and not driver.readiness().has_key
    steps = [f"export {choices.key_names[0]}=..."] if lacks_key and choices.key_names else []
    steps += [f"cd {safe(str(folder))}"] if folder != Path() else []
    return ["next:", *(f"  {step}" for step in [*steps, "botticelli doctor", "botticelli run first"])]


def _provider(drivers: Drivers, invocation: Invocation, *, asks: bool) -> str:
    default = drivers.resolve(invocation.runtime.default_model.model).provider
    default = default if default in PROVIDERS else PROVIDERS[0]
    if not asks:
        return default
    answer: str = click.prompt("Provider", default=default, type=click.Choice(PROVIDERS), err=True)
    return answer


def _model(drivers: Drivers, provider: str, model: str | None) -> str:
    from botticelli.drivers import RecommendsModel

    if model is not None:
        chosen = drivers.resolve(model if "/" in model else f"{provider}/{model}")
        if chosen.provider != provider:
            raise InvalidInput(
                f"{model} is not a model of {provider}", where="--model", do=f"give --provider {chosen.provider}"
            )
        return str(chosen)
    driver = drivers.get(provider)
    return f"{provider}/{driver.recommended_model()}" if isinstance(driver, RecommendsModel) else f"{provider}/echo"


def _tier(drivers: Drivers, provider: str, tier: str | None, *, asks: bool) -> str | None:
    limits = drivers.get(provider).rate_limits()
    names = list(limits.tiers) if provider != "echo" else []
    if not names:
        if tier is not None:
            raise InvalidInput(f"{provider} has no tiers", where="--tier", do="leave --tier out")
        return None
    if tier is not None and tier not in names:
        raise InvalidInput(f"{provider} has no tier {tier!r}", where="--tier", do=f"choose one of {', '.join(names)}")
    default = limits.default_tier or names[0]
    if tier is None and asks:
        tier = click.prompt("Your tier", default=default, type=click.Choice(names), err=True)
    return tier or default


def _usd(provider: str, usd: str | None, *, asks: bool) -> Decimal:
    if usd is None and asks and provider != "echo":
        usd = click.prompt("Most dollars to spend in a month", default=str(DEFAULT_USD_PER_MONTH), err=True)
    if usd is None:
        return DEFAULT_USD_PER_MONTH
    try:
        amount = Decimal(usd)
    except ArithmeticError:
        amount = Decimal(0)
    if not (amount.is_finite() and 0 < amount <= 1_000_000):
        do = "give an amount above 0 and up to 1,000,000, such as 20 or 0.50"
        raise InvalidInput(f"{usd!r} is not an amount in dollars", where="--usd-per-month", do=do)
    return amount


def _key_names(drivers: Drivers, provider: str) -> tuple[str, ...]:
    from botticelli.drivers import ReportsReadiness

    driver = drivers.get(provider)
    return driver.readiness().key_names if isinstance(driver, ReportsReadiness) else ()
