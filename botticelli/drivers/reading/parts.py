"""Reads content of any shape (a text, parts, an object) as text, reasoning and refusal. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 8
REASONING = ("reasoning", "thinking", "thought", "redacted_thinking", "reasoning_text", "summary_text", "analysis")
TOOLS = ("tool_use", "tool_call", "tool_calls", "function_call", "function", "server_tool_use", "mcp_tool_use")
TOOL_KEYS = ("functionCall", "function_call", "tool_calls", "toolCalls")
BESIDE = ("inlineData", "fileData", "executableCode", "codeExecutionResult", "functionResponse")
"""Parts of Gemini, which have no type. Tool results (`…_result`) do not belong to the model's text either."""
TEXTS = ("text", "content", "value", "parts", "output_text")
REASONING_TEXTS = ("thinking", "reasoning", "text", "reasoning_text", "summary", "content")


@dataclass(frozen=True, slots=True)
class Parts:
    """Text, reasoning and refusal of a content. `left_out` names kinds without text, such as image_url.

    `has_tools`: a tool is called.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    has_tools: bool = False
    left_out: tuple[str, ...] = ()

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.text + other.text,
            self.reasoning + other.reasoning,
            self.refusal + other.refusal,
            self.has_tools or other.has_tools,
            self.left_out + other.left_out,
        )


def read_content(content: Any) -> Parts:
    """Read the content of an answer.

    An object or a list without any part is the answer itself, already parsed: it becomes JSON again.
    """
    if isinstance(content, Mapping | list) and content and not any(_part_flags(content, MAX_DEPTH)):
        return Parts(json.dumps(content, ensure_ascii=False))
    return _read(content, MAX_DEPTH)


def read_message(message: Any) -> Parts:
    """Read a message, or a delta of a stream: its content and the fields beside it."""
    if not isinstance(message, Mapping):
        return _read(message, MAX_DEPTH)
    thoughts = (message.get(key) for key in ("reasoning_content", "reasoning", "thinking", "reasoning_details"))
    reasoning = next((text for thought in thoughts if (text := _text_of(thought, REASONING_TEXTS))), "")
    refusal = _text_of(message.get("refusal"), ("refusal", *TEXTS))
    beside = Parts("", reasoning, refusal, any(message.get(key) for key in TOOL_KEYS))
    return read_content(message.get("content")) + beside


def _part_flags(content: Any, depth: int) -> Iterator[bool]:
    """Yield for each item whether it is a text or an object that is a part."""
    items = content if isinstance(content, list) else [content]
    for item in items:
        if isinstance(item, list) and depth:
            yield from _part_flags(item, depth - 1)
            continue
        is_part = isinstance(item, Mapping) and (
            isinstance(item.get("type"), str) or any(key in item for key in (*TEXTS, *TOOL_KEYS, "refusal"))
        )
        yield isinstance(item, str) or item is None or is_part


def _read(content: Any, depth: int) -> Parts:
    if isinstance(content, str):
        return Parts(content)
    if isinstance(content, list) and depth:
        parts = [_read(item, depth - 1) for item in content]
        return Parts(
            "".join(part.text for part in parts),
            "".join(part.reasoning for part in parts),
            "".join(part.refusal for part in parts),
            any(part.has_tools for part in parts),
            tuple(kind for part in parts for kind in part.left_out),
        )
    if isinstance(content, Mapping) and depth:
        return _part(content, depth)
    return Parts() if content is None or isinstance(content, list | Mapping) else Parts(json.dumps(content))


def _part(part: Mapping[str, Any], depth: int) -> Parts:
    kind = part.get("type")
    kind = kind.lower() if isinstance(kind, str) else ""
    if kind in REASONING or part.get("thought") is True:
        return Parts(reasoning=_text_of(part, REASONING_TEXTS))
    if kind == "refusal" or (isinstance(part.get("refusal"), str) and part["refusal"]):
        return Parts(refusal=_text_of(part.get("refusal") or part, TEXTS))
    if kind in TOOLS or any(part.get(key) for key in TOOL_KEYS):
        return Parts(has_tools=True)
    beside = kind if kind.endswith("_result") else next((key for key in BESIDE if part.get(key)), "")
    if beside:
        return Parts(left_out=(beside[:40],))
    for key in TEXTS:
        if part.get(key) is not None:
            return _read(part[key], depth - 1)
    return Parts(left_out=(kind[:40],)) if kind and "text" not in kind else Parts()


def _text_of(value: Any, keys: tuple[str, ...], depth: int = MAX_DEPTH) -> str:
    """Return the text in a value of any shape, at the first of these keys that has one."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, list):
        return "".join(_text_of(item, keys, depth - 1) for item in value)
    if depth and isinstance(value, Mapping):
        return next((text for key in keys if (text := _text_of(value.get(key), keys, depth - 1))), "")
    return ""
