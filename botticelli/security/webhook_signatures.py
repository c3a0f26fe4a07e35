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

from botticelli.errors import InvalidInput, WebhookOutdated, WebhookRejected

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 (the beginning of every secret)
PUBLIC_PREFIX = "whpk_"
ED25519_BYTES = 32
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
TOLERANCE_SECONDS = 300
"""How far the time of a webhook may be from the receiver's clock."""
MAX_SIGNATURES = 16


def signing_key(secret: str) -> bytes:
    """Decode a secret: base64 of 24 to 64 bytes after `whsec_`. Raises InvalidInput without showing it."""
    key = _decoded(secret.strip().removeprefix(SECRET_PREFIX))
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
    given = [secrets] if isinstance(secrets, str) else list(secrets)
    if not check_signatures(headers, content, given, tolerance_seconds, time.time() if now is None else now):
        raise WebhookRejected(
            "no signature of the webhook is valid", do="check the secret; pass the body as it arrived"
        )
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise WebhookRejected("the body of the webhook is not JSON") from None


def check_signatures(
    headers: Mapping[str, str], content: bytes, secrets: Iterable[str], tolerance_seconds: float, now: float
) -> bool:
    """Whether one of the signatures is by one of the secrets. WebhookRejected for a header that is missing or too old.

    A secret that begins with `whpk_` is the public key of a sender that signs by Ed25519 (`v1a`).
    """
    message_id, timestamp, signatures = _required(headers)
    check_time(timestamp, tolerance_seconds, now)
    signed = _signed(message_id, timestamp, content)
    given = signatures.split(" ")[:MAX_SIGNATURES]
    matches = [_is_by(secret, signed, signature) for secret in secrets for signature in given]
    return any(matches)


def reads_public_key(secret: str) -> bool:
    """Whether a secret is a public key (`whpk_`). Raises InvalidInput, without showing it, for one that is broken."""
    if not secret.strip().startswith(PUBLIC_PREFIX):
        return False
    if len(_public_key(secret)) != ED25519_BYTES:
        raise InvalidInput("the public key is not whpk_ and the base64 of 32 bytes", do="copy it again from the sender")
    return True


def _is_by(secret: str, signed: bytes, signature: str) -> bool:
    if not reads_public_key(secret):
        mine = f"v1,{base64.b64encode(hmac.digest(signing_key(secret), signed, sha256)).decode()}"
        return hmac.compare_digest(mine.encode(), signature.encode("utf-8", "replace"))
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    version, _, text = signature.partition(",")
    theirs = _decoded(text)
    if version != "v1a" or base64.b64encode(theirs).decode() != text:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(_public_key(secret)).verify(theirs, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_key(secret: str) -> bytes:
    return _decoded(secret.strip().removeprefix(PUBLIC_PREFIX))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    return b".".join((message_id.encode("utf-8", "replace"), timestamp.encode(), body))


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = _signed(message_id, timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"


def _required(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Return id, timestamp and signatures; the names of headers are compared without their case."""
    lower = {str(name).lower(): str(value) for name, value in headers.items()}
    missing = [name for name in (ID, TIMESTAMP, SIGNATURE) if not lower.get(name)]
    if missing:
        raise WebhookRejected(f"the webhook has no header {missing[0]}", do="pass all headers of the request")
    return lower[ID], lower[TIMESTAMP], lower[SIGNATURE]


def check_time(timestamp: str, tolerance_seconds: float, now: float, *, name: str = TIMESTAMP) -> None:
    """Raise WebhookRejected for a time that is no number of seconds, or too far from `now`."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise WebhookRejected(f"{name} is not a number of seconds")
    age_seconds = now - int(timestamp)
    if abs(age_seconds) > tolerance_seconds:
        side = "old" if age_seconds > 0 else "far in the future"
        raise WebhookOutdated(f"the webhook is too {side}: {abs(age_seconds):.0f} s", do="check the clock")
