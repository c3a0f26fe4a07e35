"""Signs webhooks and checks their signatures, by the rules of Standard Webhooks (standardwebhooks.com, version 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from botticelli.errors import InvalidInput, WebhookRejected

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 (the beginning of every secret)
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
TOLERANCE_SECONDS = 300
"""How far the time of a webhook may be from the receiver's clock."""
MAX_SIGNATURES = 16


def signing_key(secret: str) -> bytes:
    """Decode a secret: base64 of 24 to 64 bytes after `whsec_`. Raises InvalidInput without showing it."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        do = "create one with `echo whsec_$(openssl rand -base64 32)`"
        raise InvalidInput("the webhook secret is not whsec_ and the base64 of 24 to 64 bytes", do=do)
    return key


def sign_webhook(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Return the three headers of a webhook, with a signature by each key."""
    signatures = " ".join(_signature(key, message_id, str(timestamp), body) for key in keys)
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: signatures}


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes | str,
    secrets: str | Iterable[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Any:
    """Check a webhook and return its body as parsed JSON. Raises WebhookRejected when any part is wrong.

    `body` is exactly what arrived, before any parsing. `secrets` is the secret of the sender, or several while it is
    rotated. `now` (seconds since 1970) replaces this machine's clock.

        event = verify_webhook(request.headers, request.body, os.environ["NOTIFY_SECRET"])
        if not seen(request.headers["webhook-id"]): ...

    A webhook is delivered at least once: keep the ids that you have handled, and skip those that come again.
    """
    content = body.encode() if isinstance(body, str) else body
    message_id, timestamp, signatures = _required(headers)
    keys = [signing_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    _check_time(timestamp, tolerance_seconds, time.time() if now is None else now)
    expected = [_signature(key, message_id, timestamp, content).encode() for key in keys]
    given = [signature.encode() for signature in signatures.split(" ")[:MAX_SIGNATURES]]
    matches = [hmac.compare_digest(mine, theirs) for mine in expected for theirs in given]
    if not any(matches):
        raise WebhookRejected(
            "no signature of the webhook is valid", do="check the secret; pass the body as it arrived"
        )
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise WebhookRejected("the body of the webhook is not JSON") from None


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"


def _required(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Return id, timestamp and signatures; the names of headers are compared without their case."""
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not lower.get(name)]
    if missing:
        raise WebhookRejected(f"the webhook has no header {missing[0]}", do="pass all headers of the request")
    return lower[ID], lower[TIMESTAMP], lower[SIGNATURE]


def _check_time(timestamp: str, tolerance_seconds: float, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise WebhookRejected("webhook-timestamp is not a number of seconds")
    age_seconds = now - int(timestamp)
    if abs(age_seconds) > tolerance_seconds:
        side = "old" if age_seconds > 0 else "far in the future"
        raise WebhookRejected(f"the webhook is too {side}: {abs(age_seconds):.0f} s", do="check the clock")
