"""OpenAI and every server that speaks its language, through the openai SDK; nothing of the SDK leaves this file."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from botticelli.drivers.interface.options import SdkOptions
from botticelli.drivers.interface.protocol import GenerateRequest, Media, MediaKind, Message
from botticelli.drivers.reading.wires import OPENAI
from botticelli.drivers.sdk import SdkDriver
from botticelli.drivers.transport.http_client import timeouts
from botticelli.settings.network import secret

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

REASONING = re.compile(r"o\d|gpt-[5-9]")
"""Models that think before they answer: they take max_completion_tokens, and no temperature."""
LOCAL_URL = "http://127.0.0.1:11434/v1"


class OpenAIDriver(SdkDriver["OpenAI", SdkOptions]):
    name: ClassVar[str] = "openai"
    package = "openai"
    extra = "openai"
    key_names: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    wire = OPENAI
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
        payload = _payload(request)
        if stream:
            payload |= {"stream": True, "stream_options": {"include_usage": True}}
        return lambda: client.chat.completions.with_raw_response.create(**_as_it_is_sent(payload))

    def _remarks(self, request: GenerateRequest) -> tuple[str, ...]:
        if request.temperature is not None and _thinks(request):
            return (f"temperature was not sent: {request.model} takes none",)
        return ()

    def _count(self, client: OpenAI, request: GenerateRequest) -> int | None:
        """Chat completions has no counting of its own."""
        return None


class CompatibleDriver(OpenAIDriver):
    """`openai-compatible/model`: a server of one's own beside OpenAI's; Ollama on this machine unless `base_url` is set."""

    name = "openai-compatible"
    key_names = ("OPENAI_COMPATIBLE_API_KEY",)
    prefixes = ()

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__({"base_url": LOCAL_URL, **(options or {})})


def _payload(request: GenerateRequest) -> dict[str, Any]:
    thinks = _thinks(request)
    system = [{"role": "system", "content": request.system}] if request.system else []
    payload: dict[str, Any] = {"model": request.model, "messages": [*system, *map(_message, request.messages)]}
    if request.max_tokens is not None:
        payload["max_completion_tokens" if thinks else "max_tokens"] = request.max_tokens
    if request.temperature is not None and not thinks:
        payload["temperature"] = request.temperature
    if request.stop:
        payload["stop"] = list(request.stop)
    if request.json and request.json_schema:
        schema = {"name": "answer", "schema": dict(request.json_schema)}
        payload["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif request.json:
        payload["response_format"] = {"type": "json_object"}
    return payload


def _as_it_is_sent(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for which the SDK sends this payload.

    Beside those that it can't do without, all goes as `extra_body`, which takes precedence: otherwise it looks through
    each message for names to translate, a third of a call's time.
    """
    stream = {"stream": True} if payload.get("stream") else {}
    return {"model": payload["model"], "messages": (), **stream, "extra_body": payload}


def _thinks(request: GenerateRequest) -> bool:
    return REASONING.match(request.model) is not None


def _message(message: Message) -> dict[str, Any]:
    if not message.media:
        return {"role": message.role, "content": message.text}
    parts = [*map(_part, message.media), {"type": "text", "text": message.text}]
    return {"role": message.role, "content": parts}


def _part(one: Media) -> dict[str, Any]:
    encoded = base64.b64encode(one.data or b"").decode()
    if one.kind == "audio":
        form = "wav" if "wav" in one.mime else "mp3"
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": form}}
    url = one.url or f"data:{one.mime};base64,{encoded}"
    if one.kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": one.filename or "document.pdf", "file_data": url}}
