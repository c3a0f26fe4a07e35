"""Encodes answers as Gemini, Anthropic and OpenAI do: bodies, streams and errors."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerContent:
    """The content of an answer, for any provider.

    `finish` is stop, length or refused, None in a stream that breaks off; `counts` False leaves the usage out.
    `input_tokens` includes `cached_tokens` and `cache_write_tokens`, these include `cache_write_long_tokens`;
    `output_tokens` includes `reasoning_tokens`. `service` is the service tier that the answer names; "": none.
    """

    model: str
    text: str
    finish: str | None = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    counts: bool = True
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    service: str = ""


class Wire(ABC):
    """The wire protocol of one provider."""

    @abstractmethod
    def whole(self, content: AnswerContent) -> Body: ...

    @abstractmethod
    def pieces(self, content: AnswerContent) -> Iterator[str]:
        """Encode an answer as the events of a stream."""

    @abstractmethod
    def counted(self, tokens: int) -> Body: ...

    @abstractmethod
    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body: ...

    @abstractmethod
    def prompt(self, body: Body) -> str:
        """Return all text of a request."""

    def limits(self, requests: int, tokens: int) -> dict[str, str]:
        """Return the headers that name the limits."""
        return {}


class Gemini(Wire):
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}  # noqa: RUF012

    def whole(self, content: AnswerContent) -> Body:
        candidate: Body = {"index": 0}
        if content.text:
            candidate["content"] = {"role": "model", "parts": [{"text": content.text}]}
        if content.finish:
            candidate["finishReason"] = self.reasons[content.finish]
        body: Body = {"candidates": [candidate], "modelVersion": content.model, "responseId": "fake"}
        if content.counts:
            tier = {"serviceTier": content.service} if content.service else {}
            body["usageMetadata"] = {
                **tier,
                "promptTokenCount": content.input_tokens,
                "candidatesTokenCount": content.output_tokens - content.reasoning_tokens,
                "thoughtsTokenCount": content.reasoning_tokens,
                "cachedContentTokenCount": content.cached_tokens,
                "totalTokenCount": content.input_tokens + content.output_tokens,
            }
        return body

    def pieces(self, content: AnswerContent) -> Iterator[str]:
        for text in _words(content.text):
            body = {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}
            yield f"data: {json.dumps(body)}\r\n\r\n"
        last = self.whole(content)
        last["candidates"][0].pop("content", None)
        if content.finish:
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

    def whole(self, content: AnswerContent) -> Body:
        return {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": content.model,
            "content": [{"type": "text", "text": content.text}] if content.text else [],
            "stop_reason": self.reasons[content.finish],
            "stop_sequence": None,
            "usage": self._usage(content),
        }

    def _usage(self, content: AnswerContent) -> Body:
        if not content.counts:
            return {}
        written, long = content.cache_write_tokens, content.cache_write_long_tokens
        lives = {"ephemeral_5m_input_tokens": written - long, "ephemeral_1h_input_tokens": long}
        tier = {"service_tier": content.service} if content.service else {}
        return {
            **tier,
            "input_tokens": content.input_tokens - content.cached_tokens - written,
            "cache_creation_input_tokens": written,
            "cache_creation": lives,
            "cache_read_input_tokens": content.cached_tokens,
            "output_tokens": content.output_tokens,
            "output_tokens_details": {"thinking_tokens": content.reasoning_tokens},
        }

    def pieces(self, content: AnswerContent) -> Iterator[str]:
        start = self.whole(content) | {
            "content": [],
            "stop_reason": None,
            "usage": {**self._usage(content), "output_tokens": 1},
        }
        yield _event("message_start", message=start)
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for text in _words(content.text):
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        if content.finish:
            yield _event("content_block_stop", index=0)
            delta = {"stop_reason": self.reasons[content.finish], "stop_sequence": None}
            yield _event("message_delta", delta=delta, usage=self._usage(content))
            yield _event("message_stop")

    def counted(self, tokens: int) -> Body:
        return {"input_tokens": tokens}

    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body:
        inner: Body = {"type": code, "message": message}
        if details:
            inner["details"] = details[0]
        return {"type": "error", "error": inner}

    def prompt(self, body: Body) -> str:
        texts = [_plain(body.get("system")), *(_plain(message["content"]) for message in body.get("messages", ()))]
        return "\n".join(filter(None, texts))

    def limits(self, requests: int, tokens: int) -> dict[str, str]:
        return {"anthropic-ratelimit-requests-limit": str(requests), "anthropic-ratelimit-tokens-limit": str(tokens)}


class OpenAI(Wire):
    reasons = {"stop": "stop", "length": "length", "refused": "content_filter", None: None}  # noqa: RUF012

    def whole(self, content: AnswerContent) -> Body:
        message = {"role": "assistant", "content": content.text or None, "refusal": None}
        choice = {"index": 0, "finish_reason": self.reasons[content.finish], "message": message}
        body = self._frame(content, "chat.completion", [choice])
        return body | ({"usage": self._usage(content)} if content.counts else {})

    def _frame(self, content: AnswerContent, kind: str, choices: list[Body]) -> Body:
        tier = {"service_tier": content.service} if content.service else {}
        return {"id": "chatcmpl-fake", "object": kind, "created": 1, "model": content.model, "choices": choices, **tier}

    def _usage(self, content: AnswerContent) -> Body:
        return {
            "prompt_tokens": content.input_tokens,
            "completion_tokens": content.output_tokens,
            "total_tokens": content.input_tokens + content.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": content.cached_tokens,
                "cache_write_tokens": content.cache_write_tokens,
                "cache_write_tokens_details": {"ttl_12h_tokens": content.cache_write_long_tokens},
            },
            "completion_tokens_details": {"reasoning_tokens": content.reasoning_tokens},
        }

    def pieces(self, content: AnswerContent) -> Iterator[str]:
        frames: list[list[Body]] = [
            [{"index": 0, "delta": {"content": text}, "finish_reason": None}] for text in _words(content.text)
        ]
        if content.finish:
            frames.append([{"index": 0, "delta": {}, "finish_reason": self.reasons[content.finish]}])
        for choices in frames:
            yield f"data: {json.dumps(self._frame(content, 'chat.completion.chunk', choices))}\n\n"
        if content.finish and content.counts:
            last = self._frame(content, "chat.completion.chunk", []) | {"usage": self._usage(content)}
            yield f"data: {json.dumps(last)}\n\n"
        yield "data: [DONE]\n\n"

    def counted(self, tokens: int) -> Body:
        return {}

    def error(self, status: int, code: str, message: str, details: list[Body]) -> Body:
        return {"error": {"message": message, "type": code, "param": None, "code": code}}

    def prompt(self, body: Body) -> str:
        return "\n".join(_plain(message["content"]) for message in body.get("messages", ()))

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
