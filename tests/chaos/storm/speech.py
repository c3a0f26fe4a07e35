"""Builds whole and streamed answers of the three wires out of parts, an end, counts and errors. Judges nothing."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botticelli.testing.providers import RawAnswer

Body = dict[str, Any]
JSON_TYPE, STREAM_TYPE = "application/json", "text/event-stream"


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an answer, before it is written for a wire.

    `finish` is the wire's own word or None; `usage` goes out as it is, None is left out; an `error` comes after all text,
    and ends a stream.
    """

    text: str
    thinking: str = ""
    finish: str | None = "stop"
    usage: Any = None
    error: Body | None = None


class Speech(ABC):
    """One provider's language, without any check of what is said in it."""

    ends: Mapping[str, str]
    """The wire's own words for some ends; other words go out as they are."""

    def answer(self, reply: Reply, *, streams: bool) -> RawAnswer:
        if streams:
            return RawAnswer("".join(self.events(reply)).encode(), STREAM_TYPE)
        return RawAnswer(json.dumps(self.whole(reply)).encode(), JSON_TYPE)

    def end(self, reply: Reply) -> str | None:
        return None if reply.finish is None else self.ends.get(reply.finish, reply.finish)

    @abstractmethod
    def whole(self, reply: Reply) -> Body: ...

    @abstractmethod
    def events(self, reply: Reply) -> Iterator[str]: ...

    @abstractmethod
    def usage(self, input_tokens: Any, output_tokens: Any) -> Body: ...

    @abstractmethod
    def usage_with_rest(self, input_tokens: int, output_tokens: int) -> Body:
        """Counts of which one field alone doesn't hold all."""


class OpenAISpeech(Speech):
    ends = {}  # noqa: RUF012

    def whole(self, reply: Reply) -> Body:
        message = {"role": "assistant", "content": self._content(reply.text, reply.thinking)}
        choice = {"index": 0, "finish_reason": self.end(reply), "message": message}
        return {"id": "x", "choices": [choice], **_usage("usage", reply.usage), **_error(reply)}

    def _content(self, text: str, thinking: str) -> Any:
        if not thinking:
            return text
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": thinking}]}
        return [thought, {"type": "text", "text": text}] if text else [thought]

    def events(self, reply: Reply) -> Iterator[str]:
        if reply.thinking:
            yield _data({"choices": [{"delta": {"content": self._content("", reply.thinking)}}]})
        for piece in _pieces(reply.text):
            yield _data({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        if reply.error is not None:
            yield _data({"error": reply.error, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]})
        elif reply.finish is not None:
            yield _data({"choices": [{"delta": {}, "finish_reason": self.end(reply)}]})
        if reply.usage is not None:
            yield _data({"choices": [], "usage": reply.usage})
        yield "data: [DONE]\n\n"

    def usage(self, input_tokens: Any, output_tokens: Any) -> Body:
        return {"prompt_tokens": input_tokens, "completion_tokens": output_tokens}

    def usage_with_rest(self, input_tokens: int, output_tokens: int) -> Body:
        counts = self.usage(input_tokens, 1)
        details = {"reasoning_tokens": output_tokens - 1}
        return {**counts, "total_tokens": input_tokens + output_tokens, "completion_tokens_details": details}


class AnthropicSpeech(Speech):
    ends = {"stop": "end_turn", "length": "max_tokens"}  # noqa: RUF012

    def whole(self, reply: Reply) -> Body:
        thought = [{"type": "thinking", "thinking": reply.thinking, "signature": "s"}] if reply.thinking else []
        content = [*thought, {"type": "text", "text": reply.text}]
        return {
            **{"id": "x", "type": "message", "role": "assistant", "content": content, "stop_reason": self.end(reply)},
            **_usage("usage", reply.usage),
            **_error(reply),
        }

    def events(self, reply: Reply) -> Iterator[str]:
        usage = _usage("usage", reply.usage)
        yield _event("message_start", message={"id": "x", "type": "message", "content": [], **usage})
        if reply.thinking:
            yield _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
            yield _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": reply.thinking})
            yield _event("content_block_stop", index=0)
        yield _event("content_block_start", index=1, content_block={"type": "text", "text": ""})
        for piece in _pieces(reply.text):
            yield _event("content_block_delta", index=1, delta={"type": "text_delta", "text": piece})
        if reply.error is not None:
            yield _event("error", error=reply.error)
        elif reply.finish is not None:
            yield _event("content_block_stop", index=1)
            yield _event("message_delta", delta={"stop_reason": self.end(reply)}, **usage)
            yield _event("message_stop")

    def usage(self, input_tokens: Any, output_tokens: Any) -> Body:
        return {"input_tokens": input_tokens, "output_tokens": output_tokens}

    def usage_with_rest(self, input_tokens: int, output_tokens: int) -> Body:
        """Return the usage as this wire has it: tokens from the cache are not in `input_tokens`."""
        return {**self.usage(1, output_tokens), "cache_read_input_tokens": input_tokens - 1}


class GeminiSpeech(Speech):
    ends = {"stop": "STOP", "length": "MAX_TOKENS"}  # noqa: RUF012

    def whole(self, reply: Reply) -> Body:
        parts = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
        candidate = {"index": 0, "content": {"role": "model", "parts": [*parts, {"text": reply.text}]}}
        finish = {"finishReason": self.end(reply)} if reply.finish is not None else {}
        return {"candidates": [candidate | finish], **_usage("usageMetadata", reply.usage), **_error(reply)}

    def events(self, reply: Reply) -> Iterator[str]:
        thought = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
        for part in (*thought, *({"text": piece} for piece in _pieces(reply.text))):
            yield _data({"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}, "\r\n\r\n")
        if reply.error is not None:
            yield _data({"error": reply.error, **_usage("usageMetadata", reply.usage)}, "\r\n\r\n")
        elif reply.finish is not None:
            last = {"candidates": [{"index": 0, "finishReason": self.end(reply)}]}
            yield _data({**last, **_usage("usageMetadata", reply.usage)}, "\r\n\r\n")

    def usage(self, input_tokens: Any, output_tokens: Any) -> Body:
        return {"promptTokenCount": input_tokens, "candidatesTokenCount": output_tokens}

    def usage_with_rest(self, input_tokens: int, output_tokens: int) -> Body:
        """As Gemini says it of an answer whose candidates it didn't count."""
        return {"promptTokenCount": input_tokens, "totalTokenCount": input_tokens + output_tokens}


SPEECHES: dict[str, Speech] = {"openai": OpenAISpeech(), "anthropic": AnthropicSpeech(), "gemini": GeminiSpeech()}


def _usage(name: str, usage: Any) -> Body:
    return {} if usage is None else {name: usage}


def _error(reply: Reply) -> Body:
    return {} if reply.error is None else {"error": reply.error}


def _pieces(text: str) -> Iterator[str]:
    """Yield pieces of a few characters each: tags and pairs of surrogates come apart."""
    return (text[start : start + 7] for start in range(0, len(text), 7))


def _data(body: Body, end: str = "\n\n") -> str:
    return f"data: {json.dumps(body)}{end}"


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\n" + _data({"type": kind, **fields})
