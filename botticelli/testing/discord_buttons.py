"""Presses buttons of the fake Discord: signs an interaction as Discord does, posts it, and does what the answer says."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from botticelli.platforms.discord.fake import BOT_ID
from botticelli.testing.discord import GUILD, USER, FakeDiscord

PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(b"the key of an application, tests")
PUBLIC_KEY = PRIVATE_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
"""The public key of the application, as Discord shows it."""
COMPONENT, FORM = 3, 5
BUTTON, LABEL, TEXT_INPUT = 2, 18, 4
PRIVATE, UPDATE, MODAL = 4, 7, 9
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """An answer of the server: its status and its JSON."""

    status: int
    body: Any

    @property
    def private_text(self) -> str:
        """The message that only the one sees who pressed; empty for another answer."""
        is_private = self.body.get("type") == PRIVATE and self.body["data"].get("flags", 0) & 64
        return str(self.body["data"]["content"]) if is_private else ""


@dataclass
class Person:
    """Somebody in the guild, who presses at `url`, the interactions endpoint of the application."""

    fake: FakeDiscord
    url: str
    user_id: str = USER
    name: str = "ada"
    roles: Sequence[str] = ()
    _count: int = field(default=0)

    def press(self, message: Mapping[str, Any], label: str) -> Answer:
        """Press the button with this label under a message. KeyError when there is none."""
        buttons = {button["label"]: button for row in message["components"] for button in row["components"]}
        data = {"component_type": BUTTON, "custom_id": buttons[label]["custom_id"], "id": 1}
        return self.send({"type": COMPONENT, "data": data}, message)

    def fill(self, message: Mapping[str, Any], form: Answer, text: str) -> Answer:
        """Send the form that an answer has opened, with this text in its field."""
        assert form.body["type"] == MODAL, form.body
        opened = form.body["data"]
        inner = opened["components"][0]["component"]
        value = {"type": TEXT_INPUT, "id": 3, "custom_id": inner["custom_id"], "value": text}
        components = [{"type": LABEL, "id": 2, "component": value}]
        return self.send({"type": FORM, "data": {"custom_id": opened["custom_id"], "components": components}}, message)

    def send(self, interaction: Mapping[str, Any], message: Mapping[str, Any]) -> Answer:
        """Sign an interaction, post it, and change the message when the answer says so."""
        raw = json.dumps(self._whole(interaction, message)).encode()
        answer = self.post(raw, str(int(time.time())))
        if answer.status == 200 and answer.body.get("type") == UPDATE:
            stored = self.fake.world.data.messages[message["channel_id"]][message["id"]]
            stored |= {
                name: answer.body["data"][name]
                for name in ("content", "embeds", "components")
                if name in answer.body["data"]
            }
        return answer

    def post(self, raw: bytes, timestamp: str) -> Answer:
        """Post bytes with the application's signature over them."""
        signature = PRIVATE_KEY.sign(timestamp.encode() + raw).hex()
        headers = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": timestamp}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", parts.path, raw, {**headers, "Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            return Answer(answer.status, json.loads(body) if body else None)
        finally:
            connection.close()

    def _whole(self, interaction: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
        """Return an interaction with the fields that Discord sends beside type and data."""
        self._count += 1
        user = {"id": self.user_id, "username": self.name, "discriminator": "0", "global_name": None, "avatar": None}
        member = {
            "user": user,
            "roles": list(self.roles),
            "permissions": "0",
            "nick": None,
            "deaf": False,
            "mute": False,
        }
        channel = {"id": message["channel_id"], "type": 0}
        shown = {name: value for name, value in message.items() if not name.startswith("_")}
        identity = {"id": str(9_000_000_000_000_000 + self._count), "application_id": BOT_ID, "version": 1}
        place = {"guild_id": GUILD, "channel_id": message["channel_id"], "channel": channel, "context": 0}
        locale = {"locale": "en-US", "guild_locale": "en-US", "entitlements": [], "app_permissions": "0"}
        return {
            **identity,
            **place,
            **locale,
            "token": "a-token-of-the-interaction",
            "member": member,
            "message": shown,
            **interaction,
        }
