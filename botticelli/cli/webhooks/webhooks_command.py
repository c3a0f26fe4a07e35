"""`botticelli webhooks`: list the webhooks that start runs, list what was received, and try one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import click

from botticelli.cli.base.context import Invocation, pass_invocation
from botticelli.cli.base.formatting import moment, safe, short
from botticelli.cli.base.json_output import emit
from botticelli.cli.base.layout import table
from botticelli.cli.base.shared_options import COUNT, NounGroup, json_option

if TYPE_CHECKING:
    from botticelli.store import ReceivedWebhook
    from botticelli.store.webhooks.received import WebhookOutcome
    from botticelli.webhooks.overview import WebhookView
    from botticelli.webhooks.trial import Trial
    from botticelli.webhooks.webhook import Webhook

OUTCOMES = ("accepted", "ignored", "refused")
ID_CHARACTERS = 24
SEND_SECONDS = 60.0
NO_WEBHOOKS = "there are no webhooks; add [webhooks.NAME] to botticelli.toml"


@click.group(cls=NounGroup, short_help="List and test the webhooks that start runs.")
def webhooks() -> None:
    """List the webhooks that start runs, what was received, and try one.

    Webhooks are [webhooks.NAME] in the settings; `botticelli serve` receives them. Without a command: `list`.
    """


@webhooks.command("list", short_help="List the webhooks.")
@json_option
@pass_invocation
def list_all(invocation: Invocation, *, as_json: bool) -> None:
    """List the webhooks of the settings: what each runs, what its deliveries came to, and what keeps it from working."""
    from botticelli.webhooks.overview import list_webhooks

    views = list_webhooks(invocation.runtime)
    emit(views, lambda: _lines(views), as_json=as_json, empty=NO_WEBHOOKS)


def _lines(views: Sequence[WebhookView]) -> list[str]:
    head = ("webhook", "verify", "narrative", "accepted", "ignored", "refused", "last received", "path")
    rows = [
        (
            view.name,
            view.verify,
            view.narrative or "-",
            *(f"{count:,}" for count in (view.accepted, view.ignored, view.refused)),
            moment(view.last_received_at) if view.last_received_at else "-",
            view.path,
        )
        for view in views
    ]
    return [
        *table(head, rows, right=head[3:6], drops=("last received",)),
        *(f"{view.name}: {safe(view.problem)}" for view in views if view.problem),
    ]


@webhooks.command("deliveries", short_help="List what was received.")
@click.option("--name", metavar="NAME", help="Only deliveries of this webhook.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only deliveries with this outcome.")
@click.option("--limit", type=COUNT, default=50, show_default=True, help="Maximum number of deliveries.")
@json_option
@pass_invocation
def deliveries(
    invocation: Invocation, *, name: str | None, outcome: WebhookOutcome | None, limit: int, as_json: bool
) -> None:
    """List verified deliveries, newest first, with the run that each has started, or why it was refused.

    They are deleted after 35 days, those of GitHub after 400. Requests with a wrong signature are in the log of `serve`.
    """
    with invocation.runtime.store.transaction() as tx:
        rows = tx.webhooks.recent(webhook=name, outcome=outcome, limit=limit)
    emit(rows, lambda: _delivery_lines(rows), as_json=as_json, empty="there are no such deliveries")


def _delivery_lines(rows: Sequence[ReceivedWebhook]) -> list[str]:
    head = ("delivery", "webhook", "event", "outcome", "times", "received", "run or reason")
    cells = [
        (
            safe(row.delivery_id[:ID_CHARACTERS]),
            row.webhook,
            safe(row.event) or "-",
            row.outcome,
            f"{row.times:,}",
            moment(row.received_at),
            short(row.run_id) if row.run_id else safe(row.error or "-"),
        )
        for row in rows
    ]
    return table(head, cells, right=("times",), drops=("received",), wraps=("run or reason",))


@webhooks.command("test", short_help="Try a body on a webhook.")
@click.argument("name")
@click.option("--body", type=click.File("rb"), help="File with the body; `-` reads standard input. Default: {}")
@click.option("--event", default="", metavar="EVENT", help="The event of a webhook of GitHub.")
@click.option(
    "--send", "url", metavar="URL", help="Sign it and send it there, such as http://127.0.0.1:8080/webhooks/NAME."
)
@json_option
@pass_invocation
def test(
    invocation: Invocation, *, name: str, body: IO[bytes] | None, event: str, url: str | None, as_json: bool
) -> int:
    """Say what a delivery with this body would run, with which variables. Starts nothing, unless --send is given.

    With --send the body is signed with the secret of this process and sent: a run is started. Exit code 1 when it was
    not accepted.
    """
    from botticelli.webhooks.overview import find_webhook
    from botticelli.webhooks.trial import try_body

    webhook = find_webhook(invocation.runtime, name)
    raw = b"{}" if body is None else body.read()
    if url is not None:
        return _send(webhook, raw, event, url, as_json=as_json)
    trial = try_body(webhook, raw, event)
    emit(trial, lambda: _trial_lines(name, trial), as_json=as_json)
    return 0


def _trial_lines(name: str, trial: Trial) -> list[str]:
    match trial.outcome:
        case "accepted":
            values = [f"  {variable}: {safe(text)}" for variable, text in trial.variables.items()]
            return [f"{name}: would run {trial.narrative}", *values]
        case "ignored":
            return [f"{name}: would run nothing; `when` is not fulfilled"]
        case "answered":
            return [f"{name}: would be answered; it only asks whether somebody is there"]


def _send(webhook: Webhook, raw: bytes, event: str, url: str, *, as_json: bool) -> int:
    import httpx2

    from botticelli.settings import UrlFault, http_url
    from botticelli.webhooks.signing import signed_headers

    try:
        http_url(url)
    except UrlFault as fault:
        raise click.UsageError(f"--send {fault}", click.get_current_context()) from None
    now, kind = int(time.time()), webhook.settings.verify
    delivery_id = f"test_{uuid.uuid4().hex}"
    headers = signed_headers(kind, webhook.secrets[0], raw, now=now, delivery_id=delivery_id, event=event)
    try:
        answer = httpx2.post(
            url, content=raw, headers={"content-type": "application/json", **headers}, timeout=SEND_SECONDS
        )
    except httpx2.HTTPError as error:
        raise click.ClickException(
            f"{url} can't be reached, or doesn't answer ({type(error).__name__}); is `botticelli serve` running?"
        ) from None
    data: dict[str, Any] = {"status": answer.status_code, "body": answer.text}
    emit(data, f"{answer.status_code} {safe(answer.text)}", as_json=as_json)
    return 0 if answer.status_code < 300 else 1
