"""`botticelli serve`: the HTTP API, the console and the webhooks of this installation."""

from __future__ import annotations

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.shared_options import json_option

LOCAL_HOST = "127.0.0.1"


@click.command(short_help="Serve the HTTP API and the console.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on; default: http.host of the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one. Default: http.port.")
@json_option
@pass_invocation
def serve(invocation: Invocation, host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the HTTP API, the console and webhooks until Ctrl-C or SIGTERM.

    Until a token exists, it listens on this machine only: create one with `botticelli tokens create`. Several servers may
    run side by side; all they know is in Postgres and Redis.
    """
    from botticelli.http.server.serving import require_extra
    from botticelli.http.server.serving import serve as serve_until_signal
    from botticelli.http.wire.loopback import is_loopback

    require_extra()
    settings = invocation.settings.http
    chosen = host or settings.host
    if not is_loopback(chosen):
        chosen = _bound(invocation, chosen)

    def say(address: str, number: int) -> None:
        shown = f"[{address}]" if ":" in address else address
        url = f"http://{shown}:{number}"
        emit(
            {"event": "listening", "url": url, "host": address, "port": number}, f"listening on {url}", as_json=as_json
        )

    number = settings.port if port is None else port
    proxies = settings.trusted_proxies
    serve_until_signal(lambda: invocation.runtime, chosen, number, say=say, trusted_proxies=proxies)


def _bound(invocation: Invocation, host: str) -> str:
    """Return the host to bind to: this machine only while nobody could be refused, because there is no token."""
    from botticelli.errors import ServiceUnavailable
    from botticelli.security.access_tokens import tokens_exist

    try:
        if tokens_exist(invocation.runtime):
            return host
    except ServiceUnavailable:
        return host  # every request is refused with 503 until Postgres can tell whose it is
    text = f"botticelli: no token exists, so this machine only can connect ({LOCAL_HOST} instead of {host})"
    click.echo(f"{text}; create one with `botticelli tokens create`, then start again", err=True)
    return LOCAL_HOST
