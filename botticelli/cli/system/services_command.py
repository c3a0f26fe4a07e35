"""`botticelli services`: start, stop and inspect the embedded Postgres and Redis; never touches configured servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import duration, safe
from botticelli.cli.base.json_output import emit, plain
from botticelli.cli.base.layout import wrapped
from botticelli.cli.base.shared_options import COUNT, NounGroup, json_option
from botticelli.errors import BotticelliError

if TYPE_CHECKING:
    from botticelli.settings import Settings

LOG_NAMES = ("postgres", "redis", "keeper", "model", "model-keeper")


@click.group(cls=NounGroup, bare="status", short_help="Start, stop and inspect the embedded Postgres and Redis.")
def services() -> None:
    """Start, stop and inspect the embedded Postgres and Redis of the data directory. Without a command: `status`."""


@services.command("status", short_help="Show what runs, since when and for whom.")
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """Show what runs, since when and for how many processes. Starts nothing."""
    states = statuses(invocation.settings)
    home = invocation.settings.home
    lines = (piece for service in states for piece in wrapped(_line(service)))
    emit({"home": home, "services": states}, lambda: [f"data directory {home}", *lines], as_json=as_json)


@services.command("up", short_help="Start the services and keep them running.")
@json_option
@pass_invocation
def up(invocation: Invocation, as_json: bool) -> None:
    """Start the services and keep them running, used or not, until `down`."""
    from botticelli import services

    _warn_if_configured(invocation.settings)
    services.up(invocation.settings.home)
    _print(invocation, as_json, "up", "are up until `botticelli services down`")


@services.command("down", short_help="Stop the services.")
@click.option("--force", is_flag=True, help="Stop them even while other processes use them.")
@json_option
@pass_invocation
def down(invocation: Invocation, force: bool, as_json: bool) -> None:
    """Stop the services, and undo `up`. Refused while other processes use them, unless --force is given."""
    from botticelli import services

    in_use = services.down(invocation.settings.home, force=force)
    if in_use is not None:
        raise BotticelliError(
            f"not stopped: {in_use}", where=str(invocation.settings.home), do="end them first, or give --force"
        )
    _print(invocation, as_json, "stopped", "are stopped")


@services.command("logs", short_help="Show the end of a log.")
@click.argument("name", default="keeper", type=click.Choice(LOG_NAMES))
@click.option("--lines", type=COUNT, default=50, show_default=True, help="Maximum number of lines.")
@json_option
@pass_invocation
def logs(invocation: Invocation, name: str, lines: int, as_json: bool) -> None:
    """Show the last lines of the log of NAME."""
    from botticelli import services

    for line in services.logs(invocation.settings.home, name, lines):
        emit({"log": name, "line": line}, safe(line, keep="\t"), as_json=as_json)


def statuses(settings: Settings) -> list[dict[str, Any]]:
    """Return the status of both services; a configured server has the state `configured` and its URL."""
    from botticelli import services
    from botticelli.settings import shown_url

    configured = {"postgres": settings.database.url, "redis": settings.redis.url}
    result = []
    for service in services.status(settings.home):
        url = configured.get(service.name)
        if url is not None:
            result.append({"name": service.name, "state": "configured", "url": shown_url(url.get_secret_value())})
        else:
            result.append(plain(service))
    return result


def _print(invocation: Invocation, as_json: bool, state: str, words: str) -> None:
    home = invocation.settings.home
    emit({"home": home, "state": state}, f"the services of {home} {words}", as_json=as_json)


def _line(service: dict[str, Any]) -> str:
    line = f"{service['name']:<9} {service['state']}"
    if service["state"] == "configured":
        return f"{line}: {safe(service['url'])}, a configured server"
    if service["version"]:
        line += f", version {service['version']}, up {duration(service['uptime_seconds'])}, process {service['pid']}"
    if service["users"]:
        line += f", used by {service['users']}"
    return (
        line
        + (", kept running" if service["pinned"] else "")
        + (f": {safe(service['detail'])}" if service["detail"] else "")
    )


def _warn_if_configured(settings: Settings) -> None:
    if settings.database.url and settings.redis.url:
        click.echo("botticelli: the settings name other servers; the embedded ones are not used", err=True)
