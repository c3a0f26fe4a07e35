"""Delivers a notice to a webhook: a signed one by Standard Webhooks, or a message for Discord or Slack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botticelli.errors import BotticelliError, FetchError, InvalidInput
from botticelli.notices.outcome import Delivered, Failed, Gone, Outcome
from botticelli.notices.wording.chat_body import discord_body, slack_body
from botticelli.notices.wording.message_text import message_text
from botticelli.notices.wording.webhook_body import webhook_body
from botticelli.security.safe_fetch import Resolver
from botticelli.security.safe_post import PostAnswer, post
from botticelli.security.webhook_signatures import sign_webhook, signing_key
from botticelli.settings import UrlFault, checked_url
from botticelli.settings.sections.notify import NotifyTarget
from botticelli.settings.sources.secret_values import FILE_SUFFIX, read_secret
from botticelli.store.notices.outbox import Notice
from botticelli.untrusted.retry_after import wait_seconds

TIMEOUT_SECONDS = 15.0
GONE = 410
NOT_FOUND = 404
"""Statuses that Discord and Slack answer at an address that they have deleted."""
JSON = {"Content-Type": "application/json"}


def send_web(
    target: NotifyTarget, notice: Notice, output: Any, now: float, *, resolve: Resolver | None = None
) -> Outcome:
    """Post a notice once. `now` is Postgres's clock, which the signature is dated by."""
    try:
        body, headers = request_of(target, notice, output, now)
        url = url_of(target)
        answer = post(
            url,
            body,
            headers,
            timeout_seconds=TIMEOUT_SECONDS,
            allow_private=target.allow_private,
            resolve=resolve,
        )
    except FetchError as error:
        return Failed("; ".join(part for part in (error.what, error.do) if part))
    except BotticelliError as error:
        return Failed(str(error))
    return outcome_of(target, answer)


def request_of(target: NotifyTarget, notice: Notice, output: Any, now: float) -> tuple[bytes, Mapping[str, str]]:
    """Return the body and the headers for a target. Raises InvalidInput for a secret that is missing or unusable."""
    if target.kind == "webhook":
        body = webhook_body(notice, output)
        return body, {**JSON, **sign_webhook(notice.id, int(now), body, keys_of(target))}
    message = message_text(notice, output)
    return (discord_body if target.kind == "discord" else slack_body)(message), JSON


def url_of(target: NotifyTarget) -> str:
    """Return the address of a target. Raises InvalidInput, without the address, when its variable is not set or wrong."""
    if target.url is not None:
        return target.url.get_secret_value()
    name = target.url_env or ""
    try:
        return checked_url(variable(name), ("http", "https"), login=False).text
    except UrlFault as fault:
        raise InvalidInput(str(fault), where=f"environment variable {name}", do="correct it for the workers") from None


def keys_of(target: NotifyTarget) -> list[bytes]:
    """Return the keys that sign for a target. Raises InvalidInput when one is not set, or no secret."""
    keys = []
    for name in target.secret_envs:
        try:
            keys.append(signing_key(variable(name)))
        except InvalidInput as error:
            raise error if error.where else InvalidInput(error.what, where=name, do=error.do) from None
    return keys


def variable(name: str) -> str:
    """Return a secret of the environment, or of its file. Raises InvalidInput when there is none."""
    value = read_secret(os.environ, name)
    if not value:
        do = f"set it, or {name}{FILE_SUFFIX}, for the workers, too"
        raise InvalidInput("is not set", where=f"environment variable {name}", do=do)
    return value


def outcome_of(target: NotifyTarget, answer: PostAnswer) -> Outcome:
    """Judge an answer: 2xx is delivered, 410 is gone, anything else is tried again; a redirect is not followed."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered(status)
    if status == GONE or (status == NOT_FOUND and target.kind != "webhook"):
        return Gone(f"the receiver answered {status}: its address doesn't exist any more", status)
    redirected = ", a redirect, which is not followed: give the final address" if 300 <= status < 400 else ""
    waits = wait_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
    return Failed(f"the receiver answered {status}{redirected}", status, waits)
