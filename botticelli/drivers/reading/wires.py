"""Reads the JSON of the three wire formats (OpenAI, Anthropic, Gemini), from a whole answer or a stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botticelli.drivers.reading.gathered import Gathered, objects
from botticelli.drivers.reading.parts import Parts, read_content, read_message
from botticelli.drivers.reading.usage import CountReader, Counts
from botticelli.pricing import STANDARD

PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")


class Wire(ABC):
    """The wire format of one provider. `take` returns the text that is new."""

    def take(self, gathered: Gathered, name: str, body: Any) -> str:
        if not isinstance(body, Mapping):
            if name == "error":
                gathered.fail(body)
            return ""
        if name == "error" or body.get("error"):
            gathered.fail(body)
        self._count(gathered, body)
        gathered.serve(self._service(body))
        return self._take(gathered, body)

    @abstractmethod
    def _take(self, gathered: Gathered, body: Mapping[str, Any]) -> str: ...

    def _count(self, gathered: Gathered, body: Mapping[str, Any]) -> None:
        for raw in self._usages(body):
            if raw is not None:
                gathered.count(self._counts(raw))

    @abstractmethod
    def _usages(self, body: Mapping[str, Any]) -> list[Any]:
        """Return the raw usage objects of this format; None for those that are absent."""

    @abstractmethod
    def _counts(self, raw: Any) -> Counts: ...

    @abstractmethod
    def _service(self, body: Mapping[str, Any]) -> str:
        """Return the service by which the answer says that it is charged; "" where it says nothing."""


class OpenAIWire(Wire):
    """Chat completions, and servers that answer like them. Source: CreateChatCompletionResponse."""

    def _take(self, gathered: Gathered, body: Mapping[str, Any]) -> str:
        text = ""
        for choice in objects(body.get("choices"))[:1]:
            if choice.get("error"):
                gathered.fail(choice)
            for key in ("message", "delta"):
                if choice.get(key) is not None:
                    text += gathered.add(read_message(choice[key]))
            if isinstance(choice.get("text"), str):
                text += gathered.add(Parts(choice["text"]))
            gathered.end(choice.get("finish_reason"))
        return text

    def _usages(self, body: Mapping[str, Any]) -> list[Any]:
        groq = body.get("x_groq")
        return [body.get("usage"), groq.get("usage") if isinstance(groq, Mapping) else None]

    def _counts(self, raw: Any) -> Counts:
        """Count reasoning as part of the completion, tokens read from and written to a cache as part of the prompt."""
        reader = CountReader(raw)
        counts = Counts(
            reader.count("prompt_tokens", "input_tokens"),
            reader.count("completion_tokens", "output_tokens"),
            reader.count("total_tokens"),
            reader.count("prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "cached_tokens"),
            reader.count(
                "completion_tokens_details.reasoning_tokens",
                "output_tokens_details.reasoning_tokens",
                "reasoning_tokens",
            ),
            reader.count(*(f"{details}.cache_write_tokens" for details in PROMPT_DETAILS)),
            reader.count(*(f"{details}.cache_write_tokens_details.ttl_12h_tokens" for details in PROMPT_DETAILS)),
        )
        return replace(counts, oddity=reader.oddity)

    def _service(self, body: Mapping[str, Any]) -> str:
        return _word(body.get("service_tier"))


class AnthropicWire(Wire):
    """The Messages API. Source: Message and MessageStreamEvent."""

    def _take(self, gathered: Gathered, body: Mapping[str, Any]) -> str:
        if body.get("type") == "error":
            gathered.fail(body)
        text = ""
        message = body.get("message")
        for place in (body, message if isinstance(message, Mapping) else {}):
            for key in ("content", "content_block"):
                if place.get(key) is not None:
                    text += gathered.add(read_content(place[key]))
            gathered.end(place.get("stop_reason"))
        delta = body.get("delta")
        if isinstance(delta, Mapping):
            text += gathered.add(_delta(delta))
            gathered.end(delta.get("stop_reason"))
        return text

    def _usages(self, body: Mapping[str, Any]) -> list[Any]:
        message = body.get("message")
        return [body.get("usage"), message.get("usage") if isinstance(message, Mapping) else None]

    def _counts(self, raw: Any) -> Counts:
        """Add cached tokens to `input_tokens`, which excludes those written to and read from the cache."""
        reader = CountReader(raw)
        fresh, written, read = (
            reader.count(name) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        )
        short, long = (reader.count(f"cache_creation.ephemeral_{life}_input_tokens") for life in ("5m", "1h"))
        written = max(written or 0, (short or 0) + (long or 0))
        counts = Counts(
            None if fresh is None else fresh + written + (read or 0),
            reader.count("output_tokens"),
            None,
            read,
            reader.count("output_tokens_details.thinking_tokens"),
            written,
            long,
        )
        return replace(counts, oddity=reader.oddity)

    def _service(self, body: Mapping[str, Any]) -> str:
        """Return `fast` or `batch`, with `+us` for calls that stay in the United States, which cost more."""
        for usage in self._usages(body):
            if isinstance(usage, Mapping) and (usage.get("service_tier") or usage.get("speed")):
                name = "fast" if usage.get("speed") == "fast" else _word(usage.get("service_tier"))
                name = name if name in ("fast", "batch") else STANDARD
                return f"{name}+us" if usage.get("inference_geo") == "us" else name
        return ""


def _delta(delta: Mapping[str, Any]) -> Parts:
    """Read `text_delta` and `thinking_delta`; the JSON of a tool's input does not count as text."""
    if isinstance(delta.get("thinking"), str):
        return Parts(reasoning=delta["thinking"])
    return Parts(delta["text"]) if isinstance(delta.get("text"), str) else Parts()


class GeminiWire(Wire):
    """generateContent. Source: GenerateContentResponse and UsageMetadata of the Gemini API."""

    def _take(self, gathered: Gathered, body: Mapping[str, Any]) -> str:
        feedback = body.get("promptFeedback")
        if isinstance(feedback, Mapping) and feedback.get("blockReason"):
            gathered.end("SAFETY")
            gathered.reason = str(feedback["blockReason"])[:60]
        text = ""
        for candidate in objects(body.get("candidates"))[:1]:
            if candidate.get("content") is not None:
                text += gathered.add(read_content(candidate["content"]))
            gathered.end(candidate.get("finishReason"))
        return text

    def _usages(self, body: Mapping[str, Any]) -> list[Any]:
        return [body.get("usageMetadata")]

    def _counts(self, raw: Any) -> Counts:
        """Count thoughts as output: they are billed so, and the candidates exclude them."""
        reader = CountReader(raw)
        prompt, tools = reader.count("promptTokenCount"), reader.count("toolUsePromptTokenCount")
        candidates, thoughts = reader.count("candidatesTokenCount"), reader.count("thoughtsTokenCount")
        counts = Counts(
            None if prompt is None else prompt + (tools or 0),
            None if candidates is None else candidates + (thoughts or 0),
            reader.count("totalTokenCount"),
            reader.count("cachedContentTokenCount"),
            thoughts,
        )
        return replace(counts, oddity=reader.oddity)

    def _service(self, body: Mapping[str, Any]) -> str:
        usage = body.get("usageMetadata")
        usage = usage if isinstance(usage, Mapping) else {}
        named = usage.get("serviceTier") or body.get("serviceTier") or usage.get("trafficType")
        return _word(named).removeprefix("service_tier_").removeprefix("on_demand_")


def _word(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


OPENAI, ANTHROPIC, GEMINI = OpenAIWire(), AnthropicWire(), GeminiWire()
