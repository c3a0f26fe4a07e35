"""Removes a model's thinking (`<think>…</think>` at the start of its text) from its answer, whole or piece by piece."""

from __future__ import annotations

import re
from typing import Literal

from botticelli.drivers.interface.protocol import GenerateRequest
from botticelli.drivers.reading.channels import (
    asks_for_channels,
    begins_channels,
    begun_answer,
    may_begin_channels,
    split_channels,
    without_ends,
)

NAMES = ("think", "thinking", "thought", "reasoning")
MAX_TAG_CHARACTERS = 200
CHANNELS = "<|"
"""Name that stands for the tokens of a chat format among the tags."""
Channels = Literal["unknown", "none", "thinking", "answer"]

_OPEN = re.compile(rf"\s*(?:<(?:seed:)?({'|'.join(NAMES)})(\s[^<>]*)?>|(?-i:\[THINK\])|◁think▷)", re.IGNORECASE)
"""Matches tags, the brackets of Mistral and Kimi, and the prefix of Seed."""
_ANY_END = re.compile(rf"</(?:seed:)?(?:{'|'.join(NAMES)})\s*>", re.IGNORECASE)
_ORPHAN = re.compile(r"(?<![`'\"])</think(?:ing)?\s*>(?![`'\"])", re.IGNORECASE)


def split_thinking(text: str, own_tags: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Return the answer and the thinking before it. `own_tags`, which the prompt asked for, stay in the answer."""
    thinking: list[str] = []
    channels = None if CHANNELS in own_tags else split_channels(text)
    if channels is not None:
        text, thought = channels
        thinking += [thought] if thought else []
    while (opening := _opening(text, own_tags)) is not None:
        end = _end(text, opening) or _last_end(text, opening)
        if end is None:
            return "", "\n\n".join([*thinking, text[opening.end() :].strip()])
        thinking.append(text[opening.end() : end.start()].strip())
        text = text[end.end() :].lstrip()
    if not thinking and "think" not in own_tags and (orphan := _template_thinking_end(text)) is not None:
        return text[orphan.end() :].lstrip(), text[: orphan.start()].strip()
    return text, "\n\n".join(thinking)


def tags_in(request: GenerateRequest) -> frozenset[str]:
    """Return the names of the tags that a request mentions: an answer may contain them on purpose."""
    texts = [request.system or "", *(message.text for message in request.messages if message.role == "user")]
    joined = "\n".join(texts).lower()
    names = [name for name in NAMES if f"<{name}>" in joined or f"</{name}>" in joined]
    return frozenset([*names, CHANNELS] if asks_for_channels(request) else names)


class ThinkingFilter:
    """Passes on the pieces of an answer, without the thinking at its start."""

    def __init__(self, own_tags: frozenset[str] = frozenset()) -> None:
        self._own_tags = own_tags
        self._waiting = ""
        self._is_open = False
        self._has_thought = False
        self._channels: Channels = "none" if CHANNELS in own_tags else "unknown"

    def feed(self, piece: str) -> str:
        """Return the text that can be shown now."""
        if self._is_open:
            return without_ends(piece) if self._channels == "answer" else piece
        self._waiting += piece
        if self._waits_for_channel(piece):
            return ""
        if self._has_opened() and ">" not in piece:
            return ""
        while self._has_opened():
            opening = _opening(self._waiting, self._own_tags)
            end = _end(self._waiting, opening) if opening else None
            if end is None:
                return ""
            self._waiting, self._has_thought = self._waiting[end.end() :].lstrip(), True
        if self._may_open():
            return ""
        return self._release()

    def finish(self) -> str:
        """Return the rest when the answer has ended."""
        if self._is_open:
            return ""
        self._waiting = split_thinking(self._waiting, self._own_tags)[0]
        return self._release()

    def _waits_for_channel(self, piece: str) -> bool:
        """Whether the pending text is thinking in channels, or may be the start of it."""
        if self._channels == "unknown":
            if not may_begin_channels(self._waiting):
                self._channels = "none"
            elif begins_channels(self._waiting):
                self._channels, self._waiting = "thinking", self._waiting.lstrip()
        before = len(self._waiting) - len(piece)
        if self._channels == "thinking" and (answer := begun_answer(self._waiting, before)) is not None:
            self._waiting, self._has_thought, self._channels = without_ends(answer), True, "answer"
        return self._channels in ("unknown", "thinking")

    def _release(self) -> str:
        self._is_open = True
        return self._waiting.lstrip() if self._has_thought else self._waiting

    def _has_opened(self) -> bool:
        return _opening(self._waiting, self._own_tags) is not None

    def _may_open(self) -> bool:
        """Whether the text so far is blank, or the start of an opening tag."""
        start = self._waiting.lstrip()
        if not start:
            return True
        if any(whole.startswith(start) for whole in ("[THINK]", "◁think▷")):
            return True
        if start[0] != "<" or ">" in start or len(start) > MAX_TAG_CHARACTERS:
            return False
        name = re.split(r"\s", start[1:], maxsplit=1)[0].lower()
        name = "" if "seed:".startswith(name) else name.removeprefix("seed:")
        return any(tag.startswith(name) for tag in NAMES)


def _opening(text: str, own_tags: frozenset[str]) -> re.Match[str] | None:
    opening = _OPEN.match(text)
    return None if opening is None or _name(opening) in own_tags else opening


def _template_thinking_end(text: str) -> re.Match[str] | None:
    """Find the end of thinking whose start was part of the model's template, with an answer after it."""
    orphan = _ORPHAN.search(text)
    if orphan is None or "<think" in text[: orphan.start()].lower() or not text[orphan.end() :].strip():
        return None
    return orphan


def _end(text: str, opening: re.Match[str]) -> re.Match[str] | None:
    """Find the closing tag that ends this block, counting nested blocks of the same name."""
    depth = 1
    for tag in _tags(opening).finditer(text, opening.end()):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag
    return None


def _last_end(text: str, opening: re.Match[str]) -> re.Match[str] | None:
    """Find the last closing tag: thinking that merely mentions an opening tag leaves the blocks unbalanced.

    Accepts a tag of another name when there is none of its own, since models mix `<think>` and `</thinking>`.
    """
    own = [tag for tag in _tags(opening).finditer(text, opening.end()) if tag[1]]
    return next(reversed(own or list(_ANY_END.finditer(text, opening.end()))), None)


def _name(opening: re.Match[str]) -> str:
    return (opening[1] or NAMES[0]).lower()


def _tags(opening: re.Match[str]) -> re.Pattern[str]:
    """Match opening and closing tags of the same kind; the first group is the slash of a closing tag."""
    tag = opening[0].strip()
    if tag[0] != "<":
        return re.compile(re.escape(tag[0]) + "(/?)" + re.escape(tag[1:]))
    return re.compile(rf"<(/?)(?:seed:)?{opening[1]}(?:\s[^<>]*)?>", re.IGNORECASE)
