"""Calls Google Gemini through google-genai, which is imported at the first call and used in this file only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli.answer_schema.dialects import GEMINI as SCHEMAS
from botticelli.answer_schema.dialects import adapted
from botticelli.drivers.gemini_files import Uploads
from botticelli.drivers.interface.model_parameters import ModelParameters
from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind, Message
from botticelli.drivers.reading.wires import GEMINI
from botticelli.drivers.sdk import SdkDriver

if TYPE_CHECKING:
    import httpx2
    from google import genai
    from google.genai import types

RESOURCE = re.compile(r"^(?:\s*(?:projects/[^/]+|locations/[^/]+|publishers/google|models)\s*/)+\s*", re.IGNORECASE)
INLINE_BYTES = 15_000_000
"""Limit for inline media: a request may have 20 MB in all, in base64. Larger media go through the Files API."""


class GeminiOptions(SdkOptions):
    api_version: str = Field(default="v1beta", min_length=1)
    """`v1beta` has everything that is used here, `v1` not yet."""


class GeminiDriver(SdkDriver["genai.Client", GeminiOptions]):
    name: ClassVar[str] = "gemini"
    package = "google.genai"
    url_names: ClassVar[tuple[str, ...]] = ("GOOGLE_GEMINI_BASE_URL",)
    extra = "gemini"
    key_names = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    recommended = "gemini-3.5-flash-lite"
    options_type = GeminiOptions
    wire = GEMINI
    prefixes = ("gemini-", "gemma-")

    def model_name(self, model: str) -> str:
        """Return the name without the resource path that Google's pages write in front of it."""
        return super().model_name(RESOURCE.sub("", model.strip()).strip("/ "))

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image", "audio", "video", "document"))

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        """Accept only uploaded files by URL: other URLs are fetched here and sent as bytes."""
        return frozenset()

    def knows_schema(self, model: str, schema: Mapping[str, Any]) -> bool:
        return True

    def _make(self, key: str, http: httpx2.Client) -> genai.Client:
        from google import genai
        from google.genai import types

        self._uploads = Uploads()
        return genai.Client(
            api_key=key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=self._options.base_url,
                api_version=self._options.api_version,
                timeout=round(self._options.timeout_seconds * 1000),
                httpx_client=http,
            ),
        )

    def _prepare_call(self, client: genai.Client, request: GenerateRequest, *, stream: bool) -> Callable[[], object]:
        contents, config = self._contents(client, request), self._config(request)
        if stream:
            chunks = client.models.generate_content_stream
            return lambda: list(chunks(model=request.model, contents=contents, config=config))
        config.should_return_http_response = True
        return lambda: client.models.generate_content(model=request.model, contents=contents, config=config)

    def _count(self, client: genai.Client, request: GenerateRequest) -> int | None:
        """Count the system text as one more message: the Developer API accepts no other."""
        contents = self._contents(client, request)
        if request.system:
            contents = [*_parts_of("user", [{"text": request.system}]), *contents]
        return client.models.count_tokens(model=request.model, contents=contents).total_tokens

    def _config(self, request: GenerateRequest) -> types.GenerateContentConfig:
        """Build the configuration of a call. The SDK may neither continue an answer nor call functions by itself."""
        from google.genai import types

        parameters = self.parameters(request.model)
        tier = parameters.tiers.get(request.service_tier) if request.service_tier else None
        return types.GenerateContentConfig(
            automatic_continuation=False,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            http_options=types.HttpOptions(timeout=round(self._options.call_seconds(request) * 1000)) if tier else None,
            system_instruction=request.system,
            temperature=request.temperature,
            top_p=request.top_p,
            max_output_tokens=request.max_tokens,
            stop_sequences=list(request.stop) or None,
            response_mime_type="application/json" if request.json else None,
            response_json_schema=_schema(request),
            thinking_config=_thinking(request, parameters),
            service_tier=types.ServiceTier(tier) if tier else None,
        )

    def _contents(self, client: genai.Client, request: GenerateRequest) -> Any:
        sent = sum(len(media.data or b"") for message in request.messages for media in message.media)
        uploads = self._uploads if sent > INLINE_BYTES else None
        return [content for message in request.messages for content in _content(client, message, uploads)]


def _content(client: genai.Client, message: Message, uploads: Uploads | None) -> list[Any]:
    parts = [_media_part(client, media, uploads) for media in message.media]
    if message.text or not parts:
        parts.append({"text": message.text})
    return _parts_of("model" if message.role == "assistant" else "user", parts)


def _parts_of(role: str, parts: list[dict[str, Any]]) -> list[Any]:
    return [{"role": role, "parts": parts}]


def _media_part(client: genai.Client, media: Media, uploads: Uploads | None) -> dict[str, Any]:
    if media.data is None:
        return {"file_data": {"file_uri": media.url, "mime_type": media.mime}}
    if uploads is not None:
        return {"file_data": {"file_uri": uploads.uri(client, media), "mime_type": media.mime}}
    return {"inline_data": {"data": media.data, "mime_type": media.mime}}


def _thinking(request: GenerateRequest, parameters: ModelParameters) -> types.ThinkingConfig | None:
    from google.genai import types

    sent = parameters.levels.get(request.thinking) if request.thinking else None
    if sent is None:
        return None
    if isinstance(sent, int):
        return types.ThinkingConfig(thinking_budget=sent)
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(sent.upper()))


def _schema(request: GenerateRequest) -> dict[str, Any] | None:
    """Return the schema of a typed answer as Gemini takes it."""
    return adapted(dict(request.json_schema), SCHEMAS).schema if request.json and request.json_schema else None
