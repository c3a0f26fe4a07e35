"""How three providers answer, as data: bodies, streams and errors of Gemini, Anthropic and OpenAI. Serves nothing."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """The content of an answer.

    What an answer says: `finish` is stop, length or refused, None in a stream that breaks off; `counts` False leaves
    the usage out. `input_tokens` includes `cached_tokens`, `output_tokens` includes `reasoning_tokens`.
    """

    model: str
    text: str
    finish: str | None = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    counts: bool = True


class Wire(ABC):
    """One provider's language."""

    @abstractmethod
    def whole(self, told: Told) -> Body: ...

    @abstractmethod
    def pieces(self, told: Told) -> Iterator[str]:
        """The events of a stream."""

    @abstractmethod
    def counted(self, tokens: int) -> Body: ...

    @abstractmethod
    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body: ...

    @abstractmethod
    def prompt(self, body: Body) -> str:
        """All text that a request sends."""

    def limits(self, requests: int, tokens: int) -> dict[str, str]:
        """Headers that name the limits."""
        return {}


class Gemini(Wire):
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}  # noqa: RUF012

    def whole(self, told: Told) -> Body:
        candidate: Body = {"index": 0}
        if told.text:
            candidate["content"] = {"role": "model", "parts": [{"text": told.text}]}
        if told.finish:
            candidate["finishReason"] = self.reasons[told.finish]
        body: Body = {"candidates": [candidate], "modelVersion": told.model, "responseId": "fake"}
        if told.counts:
            body["usageMetadata"] = {
                "promptTokenCount": told.input_tokens,
                "candidatesTokenCount": told.output_tokens - told.reasoning_tokens,
                "thoughtsTokenCount": told.reasoning_tokens,
                "cachedContentTokenCount": told.cached_tokens,
                "totalTokenCount": told.input_tokens + told.output_tokens,
            }
        return body

    def pieces(self, told: Told) -> Iterator[str]:
        for text in _words(told.text):
            body = {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}
            yield f"data: {json.dumps(body)}\r\n\r\n"
        last = self.whole(told)
        last["candidates"][0].pop("content", None)
        if told.finish:
            yield f"data: {json.dumps(last)}\r\n\r\n"

    def counted(self, tokens: int) -> Body:
        return {"totalTokens": tokens}

    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body:
        return {"error": {"code": status, "message": message, "status": code, "details": details}}

    def prompt(self, body: Body) -> str:
        contents = [*body.get("contents", ()), body.get("systemInstruction") or {}]
        return "\n".join(part.get("text", "") for content in contents for part in content.get("parts", ()))


class Anthropic(Wire):
    reasons = {"stop": "end_turn", "length": "max_tokens", "refused": "refusal", None: None}  # noqa: RUF012

    def whole(self, told: Told) -> Body:
        return {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": told.model,
            "content": [{"type": "text", "text": told.text}] if told.text else [],
            "stop_reason": self.reasons[told.finish],
            "stop_sequence": None,
            "usage": self._usage(told),
        }

    def _usage(self, told: Told) -> Body:
        if not told.counts:
            return {}
        return {
            "input_tokens": told.input_tokens - told.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": told.cached_tokens,
            "output_tokens": told.output_tokens,
            "output_tokens_details": {"thinking_tokens": told.reasoning_tokens},
        }

    def pieces(self, told: Told) -> Iterator[str]:
        start = self.whole(told) | {
            "content": [],
            "stop_reason": None,
            "usage": {**self._usage(told), "output_tokens": 1},
        }
        yield _event("message_start", message=start)
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for text in _words(told.text):
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        if told.finish:
            yield _event("content_block_stop", index=0)
            delta = {"stop_reason": self.reasons[told.finish], "stop_sequence": None}
            yield _event("message_delta", delta=delta, usage=self._usage(told))
            yield _event("message_stop")

    def counted(self, tokens: int) -> Body:
        return {"input_tokens": tokens}

    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body:
        inner: Body = {"type": code, "message": message}
        if details:
            inner["details"] = details[0]
        return {"type": "error", "error": inner}

    def prompt(self, body: Body) -> str:
        texts = [_plain(body.get("system")), *(_plain(one["content"]) for one in body.get("messages", ()))]
        return "\n".join(filter(None, texts))

    def limits(self, requests: int, tokens: int) -> dict[str, str]:
        return {"anthropic-ratelimit-requests-limit": str(requests), "anthropic-ratelimit-tokens-limit": str(tokens)}


class OpenAI(Wire):
    reasons = {"stop": "stop", "length": "length", "refused": "content_filter", None: None}  # noqa: RUF012

    def whole(self, told: Told) -> Body:
        message = {"role": "assistant", "content": told.text or None, "refusal": None}
        choice = {"index": 0, "finish_reason": self.reasons[told.finish], "message": message}
        body = self._frame(told, "chat.completion", [choice])
        return body | ({"usage": self._usage(told)} if told.counts else {})

    def _frame(self, told: Told, kind: str, choices: list[Body]) -> Body:
        return {"id": "chatcmpl-fake", "object": kind, "created": 1, "model": told.model, "choices": choices}

    def _usage(self, told: Told) -> Body:
        return {
            "prompt_tokens": told.input_tokens,
            "completion_tokens": told.output_tokens,
            "total_tokens": told.input_tokens + told.output_tokens,
            "prompt_tokens_details": {"cached_tokens": told.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": told.reasoning_tokens},
        }

    def pieces(self, told: Told) -> Iterator[str]:
        frames: list[list[Body]] = [
            [{"index": 0, "delta": {"content": text}, "finish_reason": None}] for text in _words(told.text)
        ]
        if told.finish:
            frames.append([{"index": 0, "delta": {}, "finish_reason": self.reasons[told.finish]}])
        for choices in frames:
            yield f"data: {json.dumps(self._frame(told, 'chat.completion.chunk', choices))}\n\n"
        if told.finish and told.counts:
            yield f"data: {json.dumps(self._frame(told, 'chat.completion.chunk', []) | {'usage': self._usage(told)})}\n\n"
        yield "data: [DONE]\n\n"

    def counted(self, tokens: int) -> Body:
        return {}

    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body:
        return {"error": {"message": message, "type": code, "param": None, "code": code}}

    def prompt(self, body: Body) -> str:
        return "\n".join(_plain(one["content"]) for one in body.get("messages", ()))

    def limits(self, requests: int, tokens: int) -> dict[str, str]:
        return {"x-ratelimit-limit-requests": str(requests), "x-ratelimit-limit-tokens": str(tokens)}


WIRES: dict[str, Wire] = {"gemini": Gemini(), "anthropic": Anthropic(), "openai": OpenAI()}


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


def _words(text: str) -> Iterator[str]:
    for number, word in enumerate(text.split(" ")):
        yield word if number == 0 else f" {word}"


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
