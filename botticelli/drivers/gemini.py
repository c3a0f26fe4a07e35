"""Google Gemini through google-genai. Its SDK is imported at the first call; nothing of it leaves this file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from botticelli.drivers.capabilities import OnText
from botticelli.drivers.estimate import counted_or_estimated
from botticelli.drivers.gemini_files import Uploads
from botticelli.drivers.options import SdkOptions
from botticelli.drivers.protocol import GenerateRequest, GenerateResponse, Media, MediaKind, Message, Usage
from botticelli.drivers.sdk import SdkDriver
from botticelli.errors import DriverUnknown

if TYPE_CHECKING:
    import httpx2
    from google import genai
    from google.genai import types

INLINE_BYTES = 15_000_000
"""A request may have 20 MB in all, in base64: more than this goes through the Files API."""
REFUSALS = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
)
REASONS = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys(REFUSALS, "refused")}


class GeminiOptions(SdkOptions):
    api_version: str = Field(default="v1beta", min_length=1)
    """`v1beta` has everything that is used here, `v1` not yet."""


class GeminiDriver(SdkDriver["genai.Client", GeminiOptions]):
    name: ClassVar[str] = "gemini"
    package = "google.genai"
    extra = "gemini"
    key_names = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    options_type = GeminiOptions
    prefixes = ("gemini-", "gemma-")

    def media_kinds(self, model: str) -> frozenset[MediaKind]:
        return frozenset(("image", "audio", "video", "document"))

    def url_kinds(self, model: str) -> frozenset[MediaKind]:
        """Only uploaded files are named by URL: what lies elsewhere is sent as bytes."""
        return frozenset()

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

    def _generate(self, client: genai.Client, request: GenerateRequest) -> GenerateResponse:
        contents, config = self._contents(client, request), _config(request)
        answer = client.models.generate_content(model=request.model, contents=contents, config=config)
        return _response(request, [answer])

    def _stream(self, client: genai.Client, request: GenerateRequest, on_text: OnText) -> GenerateResponse:
        contents, config = self._contents(client, request), _config(request)
        chunks = []
        for chunk in client.models.generate_content_stream(model=request.model, contents=contents, config=config):
            chunks.append(chunk)
            if text := _text(chunk):
                on_text(text)
        if not any(_reason(chunk) for chunk in chunks):
            raise DriverUnknown("the answer broke off: its stream ended without a reason", where=self.name)
        return _response(request, chunks)

    def _count(self, client: genai.Client, request: GenerateRequest) -> int | None:
        """The system text is counted as one more message: the Developer API takes no other."""
        contents = self._contents(client, request)
        if request.system:
            contents = [*_parts_of("user", [{"text": request.system}]), *contents]
        return client.models.count_tokens(model=request.model, contents=contents).total_tokens

    def _contents(self, client: genai.Client, request: GenerateRequest) -> Any:
        sent = sum(len(one.data or b"") for message in request.messages for one in message.media)
        uploads = self._uploads if sent > INLINE_BYTES else None
        return [content for message in request.messages for content in _content(client, message, uploads)]


def _content(client: genai.Client, message: Message, uploads: Uploads | None) -> list[Any]:
    parts = [_media_part(client, one, uploads) for one in message.media]
    if message.text or not parts:
        parts.append({"text": message.text})
    return _parts_of("model" if message.role == "assistant" else "user", parts)


def _parts_of(role: str, parts: list[dict[str, Any]]) -> list[Any]:
    return [{"role": role, "parts": parts}]


def _media_part(client: genai.Client, one: Media, uploads: Uploads | None) -> dict[str, Any]:
    if one.data is None:
        return {"file_data": {"file_uri": one.url, "mime_type": one.mime}}
    if uploads is not None:
        return {"file_data": {"file_uri": uploads.uri(client, one), "mime_type": one.mime}}
    return {"inline_data": {"data": one.data, "mime_type": one.mime}}


def _config(request: GenerateRequest) -> types.GenerateContentConfig:
    """One call is one request: the SDK neither continues an answer nor calls functions by itself."""
    from google.genai import types

    return types.GenerateContentConfig(
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        system_instruction=request.system,
        temperature=request.temperature,
        max_output_tokens=request.max_tokens,
        stop_sequences=list(request.stop) or None,
        response_mime_type="application/json" if request.json else None,
        response_json_schema=dict(request.json_schema) if request.json and request.json_schema else None,
    )


def _response(request: GenerateRequest, chunks: Iterable[types.GenerateContentResponse]) -> GenerateResponse:
    """Of one answer, or of a stream's pieces: every piece has the usage so far."""
    text, reason, counted = "", "", None
    for chunk in chunks:
        text += _text(chunk)
        reason = _reason(chunk) or reason
        counted = _usage(chunk.usage_metadata) or counted
    usage, warnings = counted_or_estimated(request, text, counted)
    finish = REASONS.get(reason, reason.lower()) or "stop"
    if finish == "refused":
        warnings += (f"the provider's reason: {reason}",)
    return GenerateResponse(text=text, usage=usage, finish_reason=finish, warnings=warnings)


def _text(chunk: types.GenerateContentResponse) -> str:
    """Without the model's thoughts."""
    for candidate in chunk.candidates or ():
        parts = candidate.content.parts if candidate.content else None
        return "".join(part.text for part in parts or () if part.text and not part.thought)
    return ""


def _reason(chunk: types.GenerateContentResponse) -> str:
    """The first candidate's; a prompt that was blocked has none."""
    blocked = chunk.prompt_feedback.block_reason if chunk.prompt_feedback else None
    if blocked is not None:
        return "PROHIBITED_CONTENT" if blocked.value not in REFUSALS else str(blocked.value)
    for candidate in chunk.candidates or ():
        return str(candidate.finish_reason.value) if candidate.finish_reason else ""
    return ""


def _usage(counted: types.GenerateContentResponseUsageMetadata | None) -> Usage | None:
    """Source: UsageMetadata of the Gemini API. Thoughts are billed as output and not part of the candidates."""
    if counted is None or counted.prompt_token_count is None:
        return None
    thoughts = counted.thoughts_token_count or 0
    return Usage(
        input_tokens=counted.prompt_token_count + (counted.tool_use_prompt_token_count or 0),
        output_tokens=(counted.candidates_token_count or 0) + thoughts,
        cached_tokens=counted.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
    )
