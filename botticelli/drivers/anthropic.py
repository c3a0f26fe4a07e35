"""Anthropic Claude through its SDK, imported at the first call; nothing of it leaves this file."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli.drivers.capabilities import OnText
from botticelli.drivers.estimate import counted_or_estimated
from botticelli.drivers.http import timeouts
from botticelli.drivers.options import SdkOptions
from botticelli.drivers.protocol import GenerateRequest, GenerateResponse, Media, MediaKind, Message, Usage
from botticelli.drivers.sdk import SdkDriver
from botticelli.errors import DriverUnknown

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}
LEGACY_VERSION = "2023-06-01"
"""The last version of the API that takes a temperature."""
SUFFIX = re.compile(r"/v1/?$")


class AnthropicOptions(SdkOptions):
    max_tokens: int = Field(default=4096, ge=1)
    """Of answers whose act and narrative don't say it: the API requires a number."""
    legacy_temperature: bool = False
    """Send `temperature` by the version of the API that still took it; only older models answer to it."""


class AnthropicDriver(SdkDriver["Anthropic", AnthropicOptions]):
    name: ClassVar[str] = "anthropic"
    package = "anthropic"
    extra = "anthropic"
    key_names = ("ANTHROPIC_API_KEY",)
    options_type = AnthropicOptions
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

    def _generate(self, client: Anthropic, request: GenerateRequest) -> GenerateResponse:
        raw = client.messages.with_raw_response.create(**self._payload(request))
        self._learn(request.model, raw.headers)
        return self._response(request, raw.parse())

    def _stream(self, client: Anthropic, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        with client.messages.stream(**self._payload(request)) as stream:
            self._learn(request.model, stream.response.headers)
            for text in stream.text_stream:
                on_text(text)
            message = stream.get_final_message()
        if message.stop_reason is None:
            raise DriverUnknown("the answer broke off: its stream ended without a reason", where=self.name)
        return self._response(request, message)

    def _count(self, client: Anthropic, request: GenerateRequest) -> int | None:
        payload = self._payload(request)
        asked = {name: payload[name] for name in ("model", "messages", "system") if name in payload}
        return client.messages.count_tokens(**asked).input_tokens

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

    def _response(self, request: GenerateRequest, message: Any) -> GenerateResponse:
        text = "".join(block.text for block in message.content if block.type == "text")
        usage, warnings = counted_or_estimated(request, text, _usage(message.usage))
        if request.temperature is not None and not self._options.legacy_temperature:
            warnings += ("temperature was not sent: Anthropic's API has none (legacy_temperature = true sends it)",)
        finish = REASONS.get(message.stop_reason or "", message.stop_reason or "stop")
        return GenerateResponse(text=text, usage=usage, finish_reason=finish, warnings=warnings)


def _message(message: Message) -> dict[str, Any]:
    blocks = [_block(one) for one in message.media]
    if not blocks:
        return {"role": message.role, "content": message.text}
    return {"role": message.role, "content": [*blocks, {"type": "text", "text": message.text}]}


def _block(one: Media) -> dict[str, Any]:
    """Images, and documents as PDF or plain text."""
    kind = "image" if one.kind == "image" else "document"
    if one.data is None:
        return {"type": kind, "source": {"type": "url", "url": one.url}}
    if one.mime.startswith("text/"):
        text = one.data.decode("utf-8", "replace")
        return {"type": kind, "source": {"type": "text", "media_type": "text/plain", "data": text}}
    data = base64.b64encode(one.data).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": one.mime, "data": data}}


def _usage(counted: Any) -> Usage | None:
    """Source: Usage of the Messages API. `input_tokens` there is what was neither written to nor read from the cache."""
    if counted is None or counted.input_tokens is None or counted.output_tokens is None:
        return None
    read = counted.cache_read_input_tokens or 0
    details = counted.output_tokens_details
    return Usage(
        input_tokens=counted.input_tokens + (counted.cache_creation_input_tokens or 0) + read,
        output_tokens=counted.output_tokens,
        cached_tokens=read,
        reasoning_tokens=min(counted.output_tokens, (details.thinking_tokens or 0) if details else 0),
    )
