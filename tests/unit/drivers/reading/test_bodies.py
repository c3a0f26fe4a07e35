"""The odd answers of the conformance suite, read without a server and without an SDK."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.failures import Translator
from botticelli.drivers.reading.bodies import Failure, Preview, read_answer
from botticelli.drivers.reading.wires import ANTHROPIC, GEMINI, OPENAI, Wire
from botticelli.testing.driver_answers import PROMPT, OddAnswer, odd_answers

WIRES: dict[Any, Wire] = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI}
REQUEST = GenerateRequest(model="x", messages=(Message("user", PROMPT),))
CASES = [
    pytest.param(wire, answer, id=f"{name}-{answer.name}")
    for name, wire in WIRES.items()
    for answer in odd_answers(name)
]


@pytest.mark.parametrize(("wire", "answer"), CASES)
def test_odd_answer_gives_what_is_right(wire: Wire, answer: OddAnswer) -> None:
    read = read_answer(wire, REQUEST, answer.body, streamed=answer.is_stream)
    answer.check(Translator("x", "KEY", "").of_failure(read, {}) if isinstance(read, Failure) else read)


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(("wire", "answer"), CASES)
def test_preview_of_a_stream_is_its_text(wire: Wire, answer: OddAnswer, size: int) -> None:
    """However the bytes are cut. Halves of a character that came in two events are shown as they come."""
    read = read_answer(wire, REQUEST, answer.body, streamed=answer.is_stream)
    if isinstance(read, Failure) or "halves" in answer.name or "without-their-beginning" in answer.name:
        return
    pieces: list[str] = []
    preview = Preview(wire, REQUEST, pieces.append)
    for start in range(0, len(answer.body), size):
        preview.feed(answer.body[start : start + size])
    preview.finish(read)
    assert "".join(pieces) == read.text
