"""Makes webhooks of the five kinds as their senders do, and forgeries of them that nobody with the secret has made."""

from __future__ import annotations

import base64
import hmac
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from botticelli.settings.sections.webhooks import WebhookKind, WebhookSettings
from botticelli.webhooks.mapping import WebhookMapping, read_conditions, read_template
from botticelli.webhooks.webhook import Secrets, Webhook

KINDS: tuple[WebhookKind, ...] = get_args(WebhookKind)
NOW = 1_800_000_000
DISCORD_KEY = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
SECRETS: dict[WebhookKind, str] = {
    "standard": "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode(),
    "github": "github-secret",
    "stripe": "whsec_stripe_is_not_base64",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "discord": DISCORD_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
}
BODIES: dict[WebhookKind, dict[str, Any]] = {
    "standard": {"type": "issue.opened", "data": {"title": "A title"}},
    "github": {"action": "opened", "issue": {"number": 7, "title": "A title", "body": None}},
    "stripe": {"id": "evt_1Nq", "type": "invoice.paid", "data": {"object": {"amount": 4200}}},
    "slack": {"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention", "text": "hello"}},
    "discord": {
        "version": 1,
        "type": 1,
        "event": {"type": "ENTITLEMENT_CREATE", "timestamp": "2026", "data": {"n": 1}},
    },
}
Forgery = Callable[["Sent", random.Random], "Sent"]


@dataclass(frozen=True)
class Sent:
    """A webhook as it is sent. `signature` and `time` name its headers; `time` is empty where none is signed."""

    kind: WebhookKind
    headers: dict[str, str]
    raw: bytes
    signature: str
    time: str = ""

    def having(self, **headers: str) -> Sent:
        return replace(
            self, headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        )


def webhook_of(kind: WebhookKind, **settings: Any) -> Webhook:
    """Return a webhook that is received with the secret of its kind."""
    given = {"verify": kind, "secret_env": "SECRET", "narrative": "triage", **settings}
    read = WebhookSettings(**given)
    variables = {name: read_template(text) for name, text in read.variables.items()}
    return Webhook("hook", read, WebhookMapping(read_conditions(read.when), variables), Secrets([SECRETS[kind]]))


def sent(
    kind: WebhookKind,
    body: Any = None,
    *,
    at: int | None = None,
    raw: bytes | None = None,
    secret: str = "",
    delivery: str = "d-1",
) -> Sent:
    """Return a webhook that is signed as its sender signs it; computed here anew, not by the code under test."""
    content = json.dumps(BODIES[kind] if body is None else body).encode() if raw is None else raw
    key = secret or SECRETS[kind]
    at = NOW if at is None else at
    time = str(at).encode()
    if kind == "standard":
        signed = b"%s.%s.%s" % (delivery.encode(), time, content)
        mac = hmac.new(base64.b64decode(key.removeprefix("whsec_")), signed, sha256).digest()
        headers = {"webhook-id": delivery, "webhook-timestamp": str(at)}
        headers["webhook-signature"] = f"v1,{base64.b64encode(mac).decode()}"
        return Sent(kind, headers, content, "webhook-signature", "webhook-timestamp")
    if kind == "github":
        headers = {"x-github-delivery": delivery, "x-github-event": "issues"}
        headers["x-hub-signature-256"] = f"sha256={hmac.new(key.encode(), content, sha256).hexdigest()}"
        return Sent(kind, headers, content, "x-hub-signature-256")
    if kind == "stripe":
        mac_text = hmac.new(key.encode(), time + b"." + content, sha256).hexdigest()
        return Sent(
            kind, {"stripe-signature": f"t={at},v1={mac_text}"}, content, "stripe-signature", "stripe-signature"
        )
    if kind == "slack":
        mac_text = hmac.new(key.encode(), b"v0:" + time + b":" + content, sha256).hexdigest()
        headers = {"x-slack-request-timestamp": str(at), "x-slack-signature": f"v0={mac_text}"}
        return Sent(kind, headers, content, "x-slack-signature", "x-slack-request-timestamp")
    private = Ed25519PrivateKey.from_private_bytes(secret.encode()) if secret else DISCORD_KEY
    headers = {"x-signature-timestamp": str(at), "x-signature-ed25519": private.sign(time + content).hex()}
    return Sent(kind, headers, content, "x-signature-ed25519", "x-signature-timestamp")


def forgeries(count: int, seed: int) -> Iterator[tuple[str, Sent]]:
    """Yield forged webhooks with what was done to each: all kinds, all ways that apply, over and over."""
    chance = random.Random(seed)
    ways = [(kind, forgery) for kind in KINDS for forgery in FORGERIES if applies(kind, forgery)]
    for number in range(count):
        kind, forgery = ways[number % len(ways)]
        body = {**BODIES[kind], "salt": chance.random()}
        yield f"{kind} {forgery.__name__}", forgery(sent(kind, body, delivery=f"d-{number}"), chance)


def applies(kind: WebhookKind, forgery: Forgery) -> bool:
    return kind != "github" or forgery not in (too_old, from_the_future, other_time, time_that_is_none)


def flipped(data: bytes, bit: int) -> bytes:
    place = bit // 8 % len(data)
    return data[:place] + bytes([data[place] ^ 1 << bit % 8]) + data[place + 1 :]


def changed_body(webhook: Sent, chance: random.Random) -> Sent:
    return replace(webhook, raw=flipped(webhook.raw, chance.randrange(len(webhook.raw) * 8)))


def longer_body(webhook: Sent, chance: random.Random) -> Sent:
    return replace(webhook, raw=webhook.raw + chance.choice([b" ", b"\n", b"{}", b"\0"]))


def no_body(webhook: Sent, chance: random.Random) -> Sent:
    return replace(webhook, raw=b"")


def changed_signature(webhook: Sent, chance: random.Random) -> Sent:
    """Change one letter of the signature itself to another of its alphabet."""
    text = webhook.headers[webhook.signature]
    place = len(text) - 1 - chance.randrange(40) - (1 if webhook.kind == "standard" else 0)
    letter = chance.choice([letter for letter in "0123456789abcdef" if letter != text[place]])
    return webhook.having(**{webhook.signature: text[:place] + letter + text[place + 1 :]})


def cut_signature(webhook: Sent, chance: random.Random) -> Sent:
    return webhook.having(**{webhook.signature: webhook.headers[webhook.signature][: -chance.randrange(1, 40)]})


def capital_signature(webhook: Sent, chance: random.Random) -> Sent:
    return webhook.having(**{webhook.signature: webhook.headers[webhook.signature].upper()})


def signature_that_is_none(webhook: Sent, chance: random.Random) -> Sent:
    odd = [
        "",
        " ",
        "v1,",
        "sha256=",
        "t=,v1=",
        "v0=",
        "null",
        "0" * 128,
        "\x00",
        "é" * 64,
        "v1," + "A" * 5000,
        "," * 200,
    ]
    return webhook.having(**{webhook.signature: chance.choice(odd)})


def no_signature(webhook: Sent, chance: random.Random) -> Sent:
    return replace(webhook, headers={name: text for name, text in webhook.headers.items() if name != webhook.signature})


def wrong_secret(webhook: Sent, chance: random.Random) -> Sent:
    other = {"standard": "whsec_" + base64.b64encode(chance.randbytes(32)).decode(), "discord": "c" * 32}
    secret = other.get(webhook.kind, f"guessed-{chance.random()}")
    return sent(webhook.kind, raw=webhook.raw, secret=secret)


def signature_of_another(webhook: Sent, chance: random.Random) -> Sent:
    """The right secret has signed it, but another body."""
    return replace(sent(webhook.kind, {**BODIES[webhook.kind], "other": chance.random()}), raw=webhook.raw)


def old_scheme(webhook: Sent, chance: random.Random) -> Sent:
    """Signed with a weaker or an older scheme, which is not to be believed."""
    weak = hmac.new(SECRETS[webhook.kind].encode(), webhook.raw, "sha1").hexdigest()
    plain = sha256(webhook.raw).hexdigest()
    texts = {
        "standard": [f"v0,{plain}", f"v1a,{base64.b64encode(b'x' * 64).decode()}", f"v1,{plain}"],
        "github": [f"sha1={weak}", f"sha256={plain}", f"sha512={plain}"],
        "stripe": [f"t={NOW},v0={plain}", f"t={NOW},v1={weak}", f"v1={plain}"],
        "slack": [f"v1={plain}", f"v0={weak}", plain],
        "discord": [plain * 2, weak, "00" * 64],
    }
    return webhook.having(**{webhook.signature: chance.choice(texts[webhook.kind])})


def too_old(webhook: Sent, chance: random.Random) -> Sent:
    return sent(webhook.kind, raw=webhook.raw, at=NOW - 301 - chance.randrange(10**6))


def from_the_future(webhook: Sent, chance: random.Random) -> Sent:
    """Far enough that it is still in the future when it arrives late."""
    return sent(webhook.kind, raw=webhook.raw, at=NOW + 600 + chance.randrange(10**6))


def other_time(webhook: Sent, chance: random.Random) -> Sent:
    """Its time was set to a later one, which nobody signed."""
    other = str(NOW + chance.choice([-1, 1]) * chance.randrange(1, 300))
    return webhook.having(**{webhook.time: webhook.headers[webhook.time].replace(str(NOW), other)})


def time_that_is_none(webhook: Sent, chance: random.Random) -> Sent:
    odd = chance.choice(
        [
            "",
            "now",
            "-1",
            f"{NOW}.0",
            f"{NOW // 1000} {NOW % 1000:03}",
            "1e9",
            "9" * 40,
            "0x6b49d200",
            "\uff11\uff18" + "\uff10" * 8,
            f"+{NOW}",
        ]
    )
    return webhook.having(**{webhook.time: webhook.headers[webhook.time].replace(str(NOW), odd)})


def of_another_kind(webhook: Sent, chance: random.Random) -> Sent:
    others = [kind for kind in KINDS if kind != webhook.kind]
    return replace(sent(chance.choice(others), raw=webhook.raw), kind=webhook.kind)


FORGERIES: tuple[Forgery, ...] = (
    *(changed_body, longer_body, no_body, changed_signature, cut_signature, capital_signature, signature_that_is_none),
    *(no_signature, wrong_secret, signature_of_another, old_scheme, too_old, from_the_future, other_time),
    *(time_that_is_none, of_another_kind),
)
