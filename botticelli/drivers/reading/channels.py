"""Separates thinking from answer in a text that shows the special tokens of its chat format. Knows no tags.

Sources: OpenAI's harmony format (gpt-oss), Cohere's and Sky-T1's templates.
"""

from __future__ import annotations

import re

from botticelli.drivers.interface.protocol import GenerateRequest

FINAL = "final"
PAIRS = (
    ("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>", "<|begin_of_solution|>", "<|end_of_solution|>"),
)
_STARTS = ("<|channel|>", "<|start|>", *(pair[0] for pair in PAIRS))
_GAP = r"[^<]{0,100}"
_HEADER = (
    rf"(?:<\|start\|>{_GAP})?<\|channel\|>\s{{0,9}}(?P<channel>\w{{1,40}}){_GAP}(?:<\|constrain\|>{_GAP})?<\|message\|>"
)
MAX_HEADER = 500
_MESSAGE = re.compile(rf"{_HEADER}(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|$)", re.DOTALL)
_FINAL_HEADER = re.compile(_HEADER.replace(r"\w{1,40}", FINAL))
_END = re.compile(r"<\|(?:end|return|call|END_RESPONSE|end_of_solution)\|>")


def split_channels(text: str) -> tuple[str, str] | None:
    """Return the answer and the thinking of a text that begins with such a token; None for any other text.

    Only the final channel is the answer: a text that was cut before it has an empty one.
    """
    text = text.lstrip()
    if text.startswith(("<|channel|>", "<|start|>")):
        return _of_messages(text)
    for opening, closing, begin, end in PAIRS:
        if text.startswith(opening):
            thinking, _, answer = text.removeprefix(opening).partition(closing)
            answer = answer.strip().removeprefix(begin).removesuffix(end)
            return answer.strip(), thinking.strip()
    return None


def may_begin_channels(text: str) -> bool:
    """Whether a text begins with such a token, or is the start of one."""
    start = text.lstrip()
    return any(start.startswith(token) or token.startswith(start) for token in _STARTS) if start else True


def begins_channels(text: str) -> bool:
    """Whether a text begins with such a token."""
    return text.lstrip().startswith(_STARTS)


def begun_answer(text: str, start: int) -> str | None:
    """Return the answer received so far, or None before it has begun. No header ends before `start`."""
    begins = [header.end() for header in [_FINAL_HEADER.search(text, max(0, start - MAX_HEADER))] if header]
    for opening, _, begin, _ in PAIRS:
        if text.startswith(opening) and (at := text.find(begin, max(0, start - len(begin)))) >= 0:
            begins.append(at + len(begin))
    return text[min(begins) :] if begins else None


def without_ends(piece: str) -> str:
    """Remove the tokens that end an answer from a piece of it."""
    return _END.sub("", piece)


def asks_for_channels(request: GenerateRequest) -> bool:
    """Whether a request mentions such tokens: an answer may contain them on purpose."""
    texts = [request.system or "", *(message.text for message in request.messages if message.role == "user")]
    return any(token in text for text in texts for token in _STARTS)


def _of_messages(text: str) -> tuple[str, str] | None:
    messages = [(match["channel"], match["text"].strip()) for match in _MESSAGE.finditer(text)]
    if not messages:
        return None
    answer = "\n\n".join(part for channel, part in messages if channel == FINAL and part)
    thinking = "\n\n".join(part for channel, part in messages if channel != FINAL and part)
    return answer, thinking
