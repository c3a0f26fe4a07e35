"""Lists the prices of models, and updates the price list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import print_json
from botticelli.cli.base.shared_options import NounGroup, json_option

MOST_LINES = 30
"""How many changed models are listed; `--json` has all of them."""


@click.group(cls=NounGroup, short_help="List the prices of models, and update the price list.")
def prices() -> None:
    """List the prices of models, and update the price list. Without a command: `list`."""


@prices.command("list", short_help="List prices, of all models or of one.")
@click.argument("model", required=False)
@json_option
@pass_invocation
def list_prices(invocation: Invocation, model: str | None, as_json: bool) -> None:
    """List prices in US dollars for a million tokens, as they are today.

    MODEL is a model (`openai/gpt-6-luna`), whose price is shown with what the settings change and with its next change,
    or a part of names. Without it: all listed models of the installed drivers.
    """
    from botticelli.cli.budget.price_texts import detail_lines, table_lines
    from botticelli.monitoring.priced_models import priced_models

    models = priced_models(invocation.runtime, model)
    now = datetime.now(UTC)
    if as_json:
        print_json([priced.as_json(now) for priced in models])
    elif model is not None and len(models) == 1:
        click.echo("\n".join(detail_lines(models[0], now)))
    else:
        click.echo("\n".join(table_lines(models, now)))


@prices.command("update", short_help="Fetch the current price list, and say what changes.")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read a list that was fetched elsewhere: data.json of genai-prices.",
)
@json_option
@pass_invocation
def update(invocation: Invocation, file: Path | None, as_json: bool) -> None:
    """Fetch the current price list of genai-prices, check it, store it in the data directory, and say what changes.

    Processes that start from now on use it; restart workers. Prices in the settings stay as they are.
    """
    from botticelli.pricing import price_update
    from botticelli.settings.home import make_home

    settings = invocation.settings
    before = invocation.runtime.catalogue.price_list
    url = settings.prices.list_url or price_update.published_url()
    origin = str(file) if file else url
    raw = price_update.read_list(file) if file else price_update.fetch(url)
    after = price_update.checked_list(raw, before, origin)
    changes = price_update.changes(before, after)
    make_home(settings.home)
    stored = price_update.store(settings.home, raw, after.as_of)
    if as_json:
        changed = [change.as_json() for change in changes]
        print_json({"from": origin, "stored": str(stored), "fetched_at": after.as_of, "changes": changed})
        return
    click.echo(f"price list updated from {origin}: {_counts(len(changes))}")
    for change in changes[:MOST_LINES]:
        click.echo(f"  {change}")
    if len(changes) > MOST_LINES:
        click.echo(f"  and {len(changes) - MOST_LINES:,} more; --json lists all")
    if changes:
        click.echo("restart workers, so that they use it")


def _counts(changes: int) -> str:
    return "no price changes" if not changes else "1 price changes" if changes == 1 else f"{changes:,} prices change"
