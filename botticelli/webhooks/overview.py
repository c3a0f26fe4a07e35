"""Lists the webhooks of the settings with what keeps each from being received, and what its deliveries came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from botticelli.errors import NotFound, SettingsError
from botticelli.runtime.process import Runtime
from botticelli.settings import did_you_mean
from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.webhooks.webhook import Webhook, read_webhook


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook of the settings. `problem` is what keeps it from being received here; None when nothing does."""

    name: str
    verify: WebhookKind
    path: str
    narrative: str | None
    when: Sequence[str]
    variables: Sequence[str]
    tenant: str | None
    problem: str | None
    accepted: int
    ignored: int
    refused: int
    last_received_at: datetime | None


def list_webhooks(runtime: Runtime) -> list[WebhookView]:
    """Return the webhooks of the settings, in their order."""
    with runtime.store.transaction() as tx:
        counts, last = tx.webhooks.counts(), tx.webhooks.last_received()
    views = []
    for name, settings in runtime.settings.webhooks.items():
        count = counts.get(name, {})
        views.append(
            WebhookView(
                name=name,
                verify=settings.verify,
                path=f"/webhooks/{name}",
                narrative=settings.narrative,
                when=settings.when,
                variables=tuple(settings.variables),
                tenant=settings.tenant,
                problem=_problem(runtime, name),
                accepted=count.get("accepted", 0),
                ignored=count.get("ignored", 0),
                refused=count.get("refused", 0),
                last_received_at=last.get(name),
            )
        )
    return views


def find_webhook(runtime: Runtime, name: str) -> Webhook:
    """Return a webhook of the settings. Raises NotFound, or SettingsError for one that can't be received."""
    names = list(runtime.settings.webhooks)
    if name not in names:
        do = did_you_mean(name, names) or "see `botticelli webhooks list`"
        raise NotFound(f"there is no webhook {name!r}", do=do)
    return read_webhook(runtime, name)


def _problem(runtime: Runtime, name: str) -> str | None:
    try:
        read_webhook(runtime, name)
    except SettingsError as error:
        return str(error)
    return None
