"""Calls Anthropic Claude through its SDK, which is imported at the first call and used in this file only."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli.answer_schema.dialects import ANTHROPIC as SCHEMAS
from botticelli.answer_schema.dialects import adapted
from botticelli.drivers.interface.model_parameters import ModelParameters
from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind, Message
from botticelli.drivers.reading.wires import ANTHROPIC
from botticelli.drivers.sdk import SdkDriver
from botticelli.drivers.transport.http_client import timeouts

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic

LEGACY_VERSION = "2023-06-01"
"""Last version of the API that accepts a temperature: it is sent with `temperature` and `top_p`."""
SAMPLING = ("temperature", "top_p")
SUFFIX = re.compile(r"/v1/?$")


class AnthropicOptions(SdkOptions):
    max_tokens: int = Field(default=4096, ge=1)
    """Limit for requests whose act and narrative set none: the API requires a number."""
    legacy_temperature: bool = False
    """Send `temperature` and `top_p` to every model. Without it they are sent to models that are known to accept them."""


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

    def parameters(self, model: str) -> ModelParameters:
        known = super().parameters(model)
        return replace(known, refused=known.refused - {*SAMPLING}) if self._options.legacy_temperature else known

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image", "document"))

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        """Return False for a schema with an open object, which Anthropic doesn't take: it is not sent."""
        return adapted(dict(schema), SCHEMAS).is_exact

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
        if request.json and request.json_schema and (sent := adapted(dict(request.json_schema), SCHEMAS)).is_exact:
            payload["output_config"] = {"format": {"type": "json_schema", "schema": sent.schema}}
        if sampling := {name: value for name in SAMPLING if (value := getattr(request, name)) is not None}:
            payload |= {"extra_body": sampling, "extra_headers": {"anthropic-version": LEGACY_VERSION}}
        parameters = self.parameters(request.model)
        if request.service_tier is not None and (tier := parameters.tiers.get(request.service_tier)):
            payload["service_tier"] = tier
        return _with_thinking(payload, request, parameters)


def _with_thinking(payload: dict[str, Any], request: GenerateRequest, parameters: ModelParameters) -> dict[str, Any]:
    """Add the level of thinking: as an effort, or for older models as a budget, beside which the answer has its room."""
    level = request.thinking
    if level is None or (sent := parameters.levels.get(level)) is None:
        return payload
    if level == "off":
        return payload | {"thinking": {"type": sent}}
    if isinstance(sent, int):
        room = request.max_tokens if request.max_tokens is not None and request.max_tokens > sent else None
        thinking = {"type": "enabled", "budget_tokens": sent}
        return payload | {"thinking": thinking, "max_tokens": room or payload["max_tokens"] + sent}
    adaptive = {"thinking": {"type": "adaptive"}} if parameters.thinks == "off" else {}
    return payload | adaptive | {"output_config": payload.get("output_config", {}) | {"effort": sent}}


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
