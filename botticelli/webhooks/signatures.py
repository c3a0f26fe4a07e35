"""Checks who sent a webhook: the signature over its raw bytes, and its age where the sender signs the time. Pure."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from botticelli.errors import InvalidInput, WebhookRejected
from botticelli.security.webhook_signatures import (
    MAX_SIGNATURES,
    TOLERANCE_SECONDS,
    check_signatures,
    check_time,
    reads_public_key,
    signing_key,
)
from botticelli.settings.sections.webhooks import WebhookKind

MIN_SECRET_CHARACTERS = 8
_ED25519_KEY = re.compile(r"[0-9a-fA-F]{64}")
_ED25519_SIGNATURE = re.compile(r"[0-9a-f]{128}")
"""Discord writes small letters; other spellings of the same bytes are refused."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it arrived. The names of its headers are in lower case."""

    headers: Mapping[str, str]
    raw: bytes
    now: float

    def header(self, name: str) -> str:
        """Return a header. WebhookRejected when it is missing."""
        value = self.headers.get(name)
        if not value:
            raise WebhookRejected(f"the webhook has no header {name}")
        return value

    def checked_time(self, text: str, name: str) -> str:
        """Return a time in seconds as it is signed. WebhookRejected when it is too far from this machine's clock."""
        check_time(text, TOLERANCE_SECONDS, self.now, name=name)
        return text


def verify(kind: WebhookKind, incoming: Incoming, secrets: Sequence[str]) -> None:
    """Check a webhook by the rules of its sender, with any of the secrets. Raises WebhookRejected."""
    if not _VERIFIERS[kind](incoming, secrets):
        raise WebhookRejected("no signature of the webhook is valid")


def check_secret(kind: WebhookKind, secret: str) -> None:
    """Raise InvalidInput, without the secret, for one that can't be of this sender."""
    if kind == "standard":
        if not reads_public_key(secret):
            signing_key(secret)
    elif kind == "discord":
        if not _ED25519_KEY.fullmatch(secret):
            raise InvalidInput(
                "is not a public key of Discord: 64 hexadecimal digits", do="copy it from the application"
            )
    elif len(secret) < MIN_SECRET_CHARACTERS or secret != secret.strip():
        raise InvalidInput(
            f"is shorter than {MIN_SECRET_CHARACTERS} characters", do="create one: `openssl rand -hex 32`"
        )


def _standard(incoming: Incoming, secrets: Sequence[str]) -> bool:
    return check_signatures(incoming.headers, incoming.raw, secrets, TOLERANCE_SECONDS, incoming.now)


def _github(incoming: Incoming, secrets: Sequence[str]) -> bool:
    given = incoming.header("x-hub-signature-256")
    return _matches([f"sha256={_hex(secret, incoming.raw)}" for secret in secrets], [given])


def _stripe(incoming: Incoming, secrets: Sequence[str]) -> bool:
    parts = [part.partition("=") for part in incoming.header("stripe-signature").split(",")[: MAX_SIGNATURES + 1]]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1:
        raise WebhookRejected("stripe-signature has no single time t")
    signed = incoming.checked_time(times[0], "stripe-signature").encode() + b"." + incoming.raw
    given = [value for name, _, value in parts if name == "v1"]
    return _matches([_hex(secret, signed) for secret in secrets], given)


def _slack(incoming: Incoming, secrets: Sequence[str]) -> bool:
    name = "x-slack-request-timestamp"
    time = incoming.checked_time(incoming.header(name), name)
    signed = b"v0:" + time.encode() + b":" + incoming.raw
    return _matches([f"v0={_hex(secret, signed)}" for secret in secrets], [incoming.header("x-slack-signature")])


def _discord(incoming: Incoming, secrets: Sequence[str]) -> bool:
    name = "x-signature-timestamp"
    signature = incoming.header("x-signature-ed25519")
    signed = incoming.checked_time(incoming.header(name), name).encode() + incoming.raw
    if not _ED25519_SIGNATURE.fullmatch(signature):
        return False
    return any([_is_signed(key, bytes.fromhex(signature), signed) for key in secrets])


def _is_signed(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _hex(secret: str, signed: bytes) -> str:
    return hmac.digest(secret.encode(), signed, sha256).hex()


def _matches(expected: Sequence[str], given: Sequence[str]) -> bool:
    """Compare every pair in constant time, without stopping at the first match."""
    sent = [text.encode("utf-8", "replace") for text in given]
    return any([hmac.compare_digest(mine.encode(), theirs) for mine in expected for theirs in sent])


_VERIFIERS: Mapping[WebhookKind, Callable[[Incoming, Sequence[str]], bool]] = {
    "standard": _standard,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "discord": _discord,
}
