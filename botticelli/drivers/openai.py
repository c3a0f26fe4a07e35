"""Calls OpenAI and servers that speak its protocol through the openai SDK, which is used in this file only."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from botticelli.answer_schema.dialects import LLAMA, OPENAI, Dialect, adapted
from botticelli.drivers.interface.model_parameters import ModelParameters
from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind, Message
from botticelli.drivers.reading.wires import OPENAI as WIRE
from botticelli.drivers.sdk import SdkDriver
from botticelli.drivers.transport.http_client import timeouts
from botticelli.settings.network import secret

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

SAMPLING = ("temperature", "top_p")
PER_DAY = re.compile(r"^https?://([\w-]+\.)*groq\.com(?:[:/]|$)", re.IGNORECASE)
"""Servers whose x-ratelimit-limit-requests is a limit per day."""
NO_SCHEMAS = re.compile(r"^https?://([\w-]+\.)*(deepseek|anthropic)\.com(?:[:/]|$)", re.IGNORECASE)
"""Servers whose chat completions refuse a JSON Schema, or ignore it."""
LIKE_OPENAI = re.compile(r"^https?://([\w-]+\.)*(x\.ai|groq\.com|mistral\.ai|openrouter\.ai)(?:[:/]|$)", re.IGNORECASE)
"""Servers that take a JSON Schema as OpenAI does; others turn more of it into a grammar."""
LOCAL_URL = "http://127.0.0.1:11434/v1"


class OpenAIDriver(SdkDriver["OpenAI", SdkOptions]):
    name: ClassVar[str] = "openai"
    package = "openai"
    extra = "openai"
    key_names: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    recommended: ClassVar[str] = "gpt-6-luna"
    wire = WIRE
    sent_names: ClassVar[tuple[str, ...]] = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
    sent_lines: ClassVar[tuple[str, ...]] = ("OPENAI_CUSTOM_HEADERS",)
    url_names: ClassVar[tuple[str, ...]] = ("OPENAI_BASE_URL",)
    prefixes: ClassVar[tuple[str, ...]] = ("gpt-", "chatgpt-", "o1", "o3", "o4")
    limit_headers: ClassVar[Mapping[str, str]] = {
        "x-ratelimit-limit-requests": "rpm",
        "x-ratelimit-limit-tokens": "tpm",
    }

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image", "audio", "document"))

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image",))

    def _make(self, key: str, http: httpx2.Client) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            api_key=key,
            organization=secret(os.environ, "OPENAI_ORG_ID") or None,
            project=secret(os.environ, "OPENAI_PROJECT_ID") or None,
            base_url=self._options.base_url,
            max_retries=0,
            timeout=timeouts(self._options),
            http_client=http,
        )

    def _prepare_call(self, client: OpenAI, request: GenerateRequest, *, stream: bool) -> Callable[[], object]:
        payload = _payload(request, self.parameters(request.model)) | self._response_format(request)
        if stream:
            payload |= {"stream": True, "stream_options": {"include_usage": True}}
        return lambda: client.chat.completions.with_raw_response.create(**_sdk_arguments(payload))

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        return adapted(dict(schema), self._dialect).is_exact

    @property
    def _dialect(self) -> Dialect:
        """The schemas that the server accepts."""
        return OPENAI

    def _response_format(self, request: GenerateRequest) -> dict[str, Any]:
        """Ask for JSON, by a schema if there is one; strictly, where OpenAI can: it wants every object closed."""
        if not request.json or not request.json_schema:
            return {"response_format": {"type": "json_object"}} if request.json else {}
        sent = adapted(dict(request.json_schema), self._dialect)
        strict = {"strict": sent.is_exact} if self._dialect.requires_all else {}
        schema = {"name": "answer", **strict, "schema": sent.schema}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}

    def _count(self, client: OpenAI, request: GenerateRequest) -> int | None:
        """Return None: chat completions have no token count of their own."""
        return None


class CompatibleOptions(SdkOptions):
    json_schema: bool | None = None
    """Send the schema of a typed answer. Unset: to all servers but those that are known to refuse or ignore it."""


class CompatibleDriver(OpenAIDriver):
    """Calls a self-hosted server, `openai-compatible/model`; Ollama on this machine unless `base_url` is set."""

    name = "openai-compatible"
    options_type = CompatibleOptions
    key_names = ("OPENAI_COMPATIBLE_API_KEY",)
    prefixes = ()
    classes: ClassVar[tuple[str, ...]] = ("openai-compatible", "openai")

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__({"base_url": LOCAL_URL, **(options or {})})

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        """Return False: such servers constrain the answer by the schema, but don't show it to the model."""
        return False

    @property
    def _dialect(self) -> Dialect:
        return OPENAI if LIKE_OPENAI.search(self._options.base_url or "") else LLAMA

    def _response_format(self, request: GenerateRequest) -> dict[str, Any]:
        options = self._options
        takes = options.json_schema if isinstance(options, CompatibleOptions) else None
        if takes is None:
            takes = NO_SCHEMAS.search(options.base_url or "") is None
        return super()._response_format(request if takes else replace(request, json_schema=None))

    def _limit_headers(self) -> Mapping[str, str]:
        """Read the limit of requests as one per day where the server counts so: Groq does."""
        per_day = PER_DAY.search(self._options.base_url or "") is not None
        return {**self.limit_headers, "x-ratelimit-limit-requests": "rpd" if per_day else "rpm"}


def _payload(request: GenerateRequest, parameters: ModelParameters) -> dict[str, Any]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    payload: dict[str, Any] = {"model": request.model, "messages": [*system, *map(_message, request.messages)]}
    if request.max_tokens is not None:
        payload[parameters.limit] = request.max_tokens
    payload |= {name: value for name in SAMPLING if (value := getattr(request, name)) is not None}
    if request.thinking is not None and request.thinking in parameters.levels:
        payload["reasoning_effort"] = parameters.levels[request.thinking]
    if request.service_tier is not None and (tier := parameters.tiers.get(request.service_tier)):
        payload["service_tier"] = tier
    if request.stop:
        payload["stop"] = list(request.stop)
    return payload


def _sdk_arguments(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for which the SDK sends this payload.

    Only the required fields are arguments; the rest is passed as `extra_body`, which takes precedence. Otherwise the
    SDK looks through each message for names to translate, which takes a third of a call's time.
    """
    stream = {"stream": True} if payload.get("stream") else {}
    return {"model": payload["model"], "messages": (), **stream, "extra_body": payload}


def _message(message: Message) -> dict[str, Any]:
    if not message.media:
        return {"role": message.role, "content": message.text}
    parts = [*map(_part, message.media), {"type": "text", "text": message.text}]
    return {"role": message.role, "content": parts}


def _part(media: Media) -> dict[str, Any]:
    encoded = base64.b64encode(media.data or b"").decode()
    if media.kind == "audio":
        form = "wav" if "wav" in media.mime else "mp3"
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}
    url = media.url or f"data:{media.mime};base64,{encoded}"
    if media.kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": media.filename or "document.pdf", "file_data": url}}
