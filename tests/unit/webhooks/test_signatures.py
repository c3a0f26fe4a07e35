"""Signatures of webhooks: what their senders publish passes, nothing that was forged or altered does."""

from __future__ import annotations

import base64
import os
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botticelli.errors import InvalidInput, WebhookRejected
from botticelli.runtime.process import Runtime
from botticelli.settings.sections.webhooks import WebhookKind
from botticelli.webhooks.delivery import Reply
from botticelli.webhooks.receive import receive
from botticelli.webhooks.replies import Rejection
from botticelli.webhooks.signatures import Incoming, check_secret, verify
from botticelli.webhooks.signing import signed_headers
from botticelli.webhooks.webhook import Secrets
from tests.support.http.webhook_senders import (
    DISCORD_KEY,
    KINDS,
    NOW,
    SECRETS,
    Sent,
    flipped,
    forgeries,
    sent,
    webhook_of,
)

DEFAULT_COUNT = "500"
UNTOUCHED: Any = None
"""In place of a runtime: what is forged must not get as far as that."""


def answer(webhook: Sent, **settings: Any) -> Reply | Rejection:
    runtime: Runtime = UNTOUCHED
    return receive(runtime, webhook_of(webhook.kind, **settings), webhook.headers, webhook.raw, now=NOW)


def is_valid(webhook: Sent, *secrets: str, now: float = NOW) -> bool:
    try:
        verify(webhook.kind, Incoming(webhook.headers, webhook.raw, now), secrets or [SECRETS[webhook.kind]])
    except WebhookRejected:
        return False
    return True


def test_published_vector_of_github_passes() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    vector = Sent("github", {"x-hub-signature-256": signature}, b"Hello, World!", "x-hub-signature-256")
    assert is_valid(vector, "It's a Secret to Everybody")
    assert not is_valid(vector, "It's a secret to everybody")


def test_published_vector_of_slack_passes() -> None:
    raw = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {"x-slack-request-timestamp": "1531420618"}
    headers["x-slack-signature"] = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    vector = Sent("slack", headers, raw, "x-slack-signature")
    assert is_valid(vector, "8f742231b10e8888abcd99yyyzzz85a5", now=1531420618)
    assert not is_valid(vector, "8f742231b10e8888abcd99yyyzzz85a5", now=1531420618 + 301)


@pytest.mark.parametrize("kind", KINDS)
def test_webhook_passes_within_its_window_with_either_secret(kind: WebhookKind) -> None:
    webhook = sent(kind)
    other = "e" * 64 if kind == "discord" else "whsec_" + base64.b64encode(b"o" * 32).decode()
    for secrets in ([SECRETS[kind]], [SECRETS[kind], other], [other, SECRETS[kind]]):
        assert all(is_valid(webhook, *secrets, now=NOW + seconds) for seconds in (-300, 0, 300))
    assert not is_valid(webhook, other)
    assert is_valid(webhook, now=NOW + 301) is (kind == "github"), "GitHub signs no time"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "discord"])
def test_our_own_signing_is_that_of_the_sender(kind: WebhookKind) -> None:
    webhook = sent(kind)
    headers = signed_headers(kind, SECRETS[kind], webhook.raw, now=NOW, delivery_id="d-1", event="issues")
    assert headers == webhook.headers


def test_discord_and_public_keys_can_not_be_signed_for() -> None:
    for kind, secret in (("discord", SECRETS["discord"]), ("standard", "whpk_" + base64.b64encode(b"k" * 32).decode())):
        with pytest.raises(InvalidInput, match="only the sender"):
            signed_headers(kind, secret, b"{}", now=NOW, delivery_id="d-1")  # type: ignore[arg-type]


def test_standard_webhook_by_a_private_key_passes_with_the_public_one() -> None:
    signature = base64.b64encode(DISCORD_KEY.sign(b"d-1.%d.{}" % NOW)).decode()
    public = "whpk_" + base64.b64encode(bytes.fromhex(SECRETS["discord"])).decode()
    headers = {"webhook-id": "d-1", "webhook-timestamp": str(NOW), "webhook-signature": f"v1a,{signature}"}
    webhook = Sent("standard", headers, b"{}", "webhook-signature")
    assert is_valid(webhook, public)
    for wrong in (f"v1,{signature}", f"v1a,{signature[:-3]}{chr(ord(signature[-3]) + 1)}==", f"v1a,{signature[:-2]}"):
        assert not is_valid(webhook.having(webhook_signature=wrong), public)
    assert not is_valid(webhook, "whsec_" + base64.b64encode(b"k" * 32).decode())


def test_forged_webhooks_are_all_answered_with_401() -> None:
    """`make forged` tries 10,000 of them."""
    count, seed = int(os.environ.get("FORGED", DEFAULT_COUNT)), int(os.environ.get("SEED", "18"))
    tried: Counter[str] = Counter()
    for way, webhook in forgeries(count, seed):
        outcome = answer(webhook)
        assert isinstance(outcome, Rejection), (way, webhook)
        assert outcome.status == 401, (way, webhook, outcome)
        tried[way.split()[0]] += 1
    assert set(tried) == set(KINDS)
    print(f"\n{sum(tried.values()):,} forged webhooks, 0 accepted: {dict(tried)}")


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), bit=st.integers(min_value=0, max_value=100_000), data=st.data())
def test_one_changed_bit_of_body_signature_or_time_is_a_forgery(
    kind: WebhookKind, bit: int, data: st.DataObject
) -> None:
    webhook = sent(kind)
    assert is_valid(webhook)
    assert not is_valid(replace(webhook, raw=flipped(webhook.raw, bit)))
    name = data.draw(st.sampled_from([webhook.signature, webhook.time or webhook.signature]))
    altered = flipped(webhook.headers[name].encode(), bit).decode("latin-1")
    assert not is_valid(webhook.having(**{name: altered}))


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(KINDS), headers=st.dictionaries(st.text(), st.text()), raw=st.binary())
def test_no_request_at_all_makes_the_check_fail_otherwise(
    kind: WebhookKind, headers: dict[str, str], raw: bytes
) -> None:
    own = {name: next(iter(headers.values()), "") for name in sent(kind).headers}
    assert not is_valid(Sent(kind, headers | own, raw, ""))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"1", b'"x"', b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a":' * 80 + b"1" + b"}" * 80]
)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_body_under_a_right_signature_is_malformed(kind: WebhookKind, raw: bytes) -> None:
    outcome = answer(sent(kind, raw=raw))
    assert isinstance(outcome, Rejection)
    assert outcome.status == 400


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("standard", "whsec_short"),
        ("standard", "whpk_AAAA"),
        ("github", "seven77"),
        ("discord", "f" * 63),
        ("slack", ""),
    ],
)
def test_secret_that_can_be_of_nobody_is_refused_without_being_shown(kind: WebhookKind, secret: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_secret(kind, secret)
    assert not secret or secret not in str(refusal.value)


def test_secrets_show_in_no_representation() -> None:
    assert SECRETS["github"] not in repr(webhook_of("github"))
    assert SECRETS["github"] not in str(Secrets([SECRETS["github"]]))
