"""Calls Anthropic Claude through its SDK, which is imported at the first call and used in this file only."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind, Message
from botticelli.drivers.reading.wires import ANTHROPIC
from botticelli.drivers.sdk import SdkDriver
from botticelli.drivers.transport.http_client import timeouts

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic

LEGACY_VERSION = "2023-06-01"
"""Last version of the API that accepts a temperature."""
SUFFIX = re.compile(r"/v1/?$")


class AnthropicOptions(SdkOptions):
    max_tokens: int = Field(default=4096, ge=1)
    """Limit for requests whose act and narrative set none: the API requires a number."""
    legacy_temperature: bool = False
    """Send `temperature` with the last version of the API that accepted it; only older models answer to that version."""


class AnthropicDriver(SdkDriver["Anthropic", AnthropicOptions]):
    name: ClassVar[str] = "anthropic"
    package = "anthropic"
    sent_lines: ClassVar[tuple[str, ...]] = ("ANTHROPIC_CUSTOM_HEADERS",)
    url_names: ClassVar[tuple[str, ...]] = ("ANTHROPIC_BASE_URL",)
    extra = "anthropic"
    key_names = ("ANTHROPIC_API_KEY",)
    recommended = "claude-haiku-5-5"
    options_type = AnthropicOptions
    wire = ANTHROPIC
    prefixes = ("claude-",)
    limit_headers: ClassVar[Mapping[str, str]] = {
        "anthropic-ratelimit-requests-limit": "rpm",
        "anthropic-ratelimit-tokens-limit": "tpm",
        "anthropic-ratelimit-input-tokens-limit": "itpm",
        "anthropic-ratelimit-output-tokens-limit": "otpm",
    }

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image", "document"))

    def _make(self, key: str, http: httpx2.Client) -> Anthropic:
        from anthropic import Anthropic

        base_url = self._options.base_url
        return Anthropic(
            api_key=key,
            base_url=SUFFIX.sub("", base_url) if base_url else None,
            max_retries=0,
            timeout=timeouts(self._options),
            http_client=http,
        )

    def _prepare_call(self, client: Anthropic, request: GenerateRequest, *, stream: bool) -> Callable[[], object]:
        payload = self._payload(request) | ({"stream": True} if stream else {})
        return lambda: client.messages.with_raw_response.create(**payload)

    def _remarks(self, request: GenerateRequest) -> tuple[str, ...]:
        if request.temperature is not None and not self._options.legacy_temperature:
            return ("temperature was not sent: Anthropic's API doesn't accept it (legacy_temperature = true sends it)",)
        return ()

    def _count(self, client: Anthropic, request: GenerateRequest) -> int | None:
        payload = self._payload(request)
        counted = {name: payload[name] for name in ("model", "messages", "system") if name in payload}
        return client.messages.count_tokens(**counted).input_tokens

    def _payload(self, request: GenerateRequest) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_tokens or self._options.max_tokens,
            "messages": [_message(message) for message in request.messages],
        }
        if request.system:
            payload["system"] = request.system
        if request.stop:
            payload["stop_sequences"] = list(request.stop)
        if request.json and request.json_schema:
            payload["output_config"] = {"format": {"type": "json_schema", "schema": dict(request.json_schema)}}
        if request.temperature is not None and self._options.legacy_temperature:
            payload["extra_body"] = {"temperature": request.temperature}
            payload["extra_headers"] = {"anthropic-version": LEGACY_VERSION}
        return payload


def _message(message: Message) -> dict[str, Any]:
    blocks = [_block(media) for media in message.media]
    if not blocks:
        return {"role": message.role, "content": message.text}
    return {"role": message.role, "content": [*blocks, {"type": "text", "text": message.text}]}


def _block(media: Media) -> dict[str, Any]:
    """Convert an image, a PDF or a plain text into a content block."""
    kind = "image" if media.kind == "image" else "document"
    if media.data is None:
        return {"type": kind, "source": {"type": "url", "url": media.url}}
    if media.mime.startswith("text/"):
        text = media.data.decode("utf-8", "replace")
        return {"type": kind, "source": {"type": "text", "media_type": "text/plain", "data": text}}
    data = base64.b64encode(media.data).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": media.mime, "data": data}}
