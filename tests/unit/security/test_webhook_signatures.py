"""Checks webhooks by the rules of Standard Webhooks: its published vector passes, and nothing that was forged or altered."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from botticelli import WebhookRejected, verify_webhook
from botticelli.errors import InvalidInput
from botticelli.security.webhook_signatures import sign_webhook, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
BODY = b'{"test": 2432232314}'
AT = 1614265330
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The vector that the specification publishes."""


def test_published_vector_is_signed_and_passes() -> None:
    assert sign_webhook(VECTOR["webhook-id"], AT, BODY, [signing_key(SECRET)]) == VECTOR
    assert verify_webhook(VECTOR, BODY, SECRET, now=AT) == {"test": 2432232314}
    assert verify_webhook({name.title(): value for name, value in VECTOR.items()}, BODY.decode(), SECRET, now=AT)


def test_any_of_two_secrets_and_any_of_several_signatures_passes() -> None:
    signed = sign_webhook("id", AT, BODY, [signing_key(SECRET), signing_key(OTHER)])
    for secrets in (SECRET, OTHER, [OTHER, SECRET]):
        assert verify_webhook(signed, BODY, secrets, now=AT)
    strange = {**signed, "webhook-signature": f"v1a,abc v2,abc {signed['webhook-signature']}"}
    assert verify_webhook(strange, BODY, SECRET, now=AT)


def test_ten_thousand_forged_or_altered_deliveries_are_rejected() -> None:
    chance = random.Random(17)
    genuine = sign_webhook("msg_1", AT, BODY, [signing_key(SECRET)])
    rejected = 0
    for _ in range(10_000):
        headers, body, now = chance.choice(FORGERIES)(chance, dict(genuine), BODY)
        with pytest.raises(WebhookRejected):
            verify_webhook(headers, body, SECRET, now=now)
        rejected += 1
    assert rejected == 10_000
    assert verify_webhook(genuine, BODY, SECRET, now=AT)


Forged = tuple[dict[str, str], bytes, float]


def _other_body(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    place = chance.randrange(len(body))
    return headers, body[:place] + bytes([body[place] ^ (1 << chance.randrange(8))]) + body[place + 1 :], AT


def _longer_body(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return headers, chance.choice([body + b" ", b" " + body, body[:-1], b""]), AT


def _other_id(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return headers | {"webhook-id": f"msg_{chance.randrange(2, 10**9)}"}, body, AT


def _other_time(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return headers | {"webhook-timestamp": str(AT + chance.choice([-1, 1]) * chance.randrange(1, 300))}, body, AT


def _late_or_early(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return headers, body, AT + chance.choice([-1, 1]) * chance.uniform(300.01, 10**9)


def _bad_time(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return (
        headers | {"webhook-timestamp": chance.choice(["", " ", "now", "1e9", "-1", "٣", "9" * 400, "0x1"])},
        body,
        AT,
    )


def _other_signature(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    version, _, text = headers["webhook-signature"].partition(",")
    place = chance.randrange(len(text) - 2)
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    choices = [f"{version},{changed}", f"v2,{text}", text, f"{version},", "v1", "", f"V1,{text}", f"v1,{text[:-4]}"]
    return headers | {"webhook-signature": chance.choice(choices)}, body, AT


def _other_key(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    return sign_webhook(headers["webhook-id"], AT, body, [chance.randbytes(32)]), body, AT


def _swapped(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    """Move the border between id, time and body, which are joined by dots."""
    content = b"1." + body
    signed = sign_webhook("msg_1.1", AT, body, [signing_key(SECRET)])
    return chance.choice([signed | {"webhook-id": "msg_1"}, {**headers, "webhook-id": "msg_1.1"}]), content, AT


def _missing(chance: random.Random, headers: dict[str, str], body: bytes) -> Forged:
    headers.pop(chance.choice(sorted(headers)))
    return headers, body, AT


FORGERIES: list[Callable[[random.Random, dict[str, str], bytes], Forged]] = [
    _other_body,
    _longer_body,
    _other_id,
    _other_time,
    _late_or_early,
    _bad_time,
    _other_signature,
    _other_key,
    _swapped,
    _missing,
]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "hunter2 hunter2", "whsec_" + "A" * 200, "whsec_é"])
def test_unusable_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(InvalidInput, match="not whsec_ and the base64") as caught:
        signing_key(secret)
    assert not secret or secret not in str(caught.value).replace("whsec_$(openssl", "").replace("whsec_ and", "")


@pytest.mark.parametrize("body", [b"not json", b"[" * 100_000, b"\xff"])
def test_signed_body_that_is_no_json_is_rejected(body: bytes) -> None:
    signed = sign_webhook("id", AT, body, [signing_key(SECRET)])
    with pytest.raises(WebhookRejected, match="not JSON"):
        verify_webhook(signed, body, SECRET, now=AT)


def test_genuine_body_keeps_its_types() -> None:
    data: dict[str, Any] = {"a": [1, None, "ü"]}
    body = json.dumps(data).encode()
    assert verify_webhook(sign_webhook("id", AT, body, [signing_key(SECRET)]), body, SECRET, now=AT) == data
