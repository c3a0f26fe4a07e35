"""Signs a webhook as its sender does, to test one. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from botticelli.errors import InvalidInput
from botticelli.security.webhook_signatures import reads_public_key, sign_webhook, signing_key
from botticelli.settings.sections.webhooks import WebhookKind


def signed_headers(
    kind: WebhookKind, secret: str, raw: bytes, *, now: int, delivery_id: str, event: str = ""
) -> Mapping[str, str]:
    """Return the headers of a webhook. InvalidInput for a sender whose private key only the sender has."""
    match kind:
        case "standard" if not reads_public_key(secret):
            return sign_webhook(delivery_id, now, raw, [signing_key(secret)])
        case "github":
            names = {"x-github-delivery": delivery_id, "x-github-event": event or "push"}
            return {**names, "x-hub-signature-256": f"sha256={_hex(secret, raw)}"}
        case "stripe":
            return {"stripe-signature": f"t={now},v1={_hex(secret, f'{now}.'.encode() + raw)}"}
        case "slack":
            signature = f"v0={_hex(secret, f'v0:{now}:'.encode() + raw)}"
            return {"x-slack-request-timestamp": str(now), "x-slack-signature": signature}
        case _:
            do = "try it without --send, or let the sender send one"
            raise InvalidInput("only the sender has the private key that signs this webhook", do=do)


def _hex(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, sha256).hex()
