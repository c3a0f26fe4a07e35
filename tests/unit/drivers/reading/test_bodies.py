"""The odd answers of the conformance suite, read without a server and without an SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.failures.sdk_errors import Translator
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


@pytest.mark.parametrize(
    "late", [{"object": "error", "message": "Out of memory", "code": 500}, {"detail": "Out of memory"}]
)
def test_error_in_a_stream_without_an_error_field_is_read(late: Any) -> None:
    events = ({"choices": [{"delta": {"content": "Hel"}}]}, late)
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    read = read_answer(OPENAI, REQUEST, body.encode(), streamed=True)
    assert isinstance(read, Failure) and read.usage is not None
    assert (read.kind, read.error.message) == ("refused", "Out of memory")


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"choices": null}', b" 42 "])
def test_json_that_is_no_answer_is_not_called_a_text(body: bytes) -> None:
    read = read_answer(OPENAI, REQUEST, body)
    assert isinstance(read, Failure) and read.error.message == "the answer holds no text and no reason"


@pytest.mark.parametrize(
    ("wire", "content", "left_out"),
    [
        (OPENAI, [[{"type": "text", "text": "42."}]], ""),
        (OPENAI, [{"type": "text", "text": "42.", "refusal": ""}], ""),
        (
            ANTHROPIC,
            [{"type": "mcp_tool_result", "content": [{"type": "text", "text": "a page"}]}, "42."],
            "mcp_tool_result",
        ),
        (GEMINI, {"parts": [{"executableCode": {"code": "6 * 7"}}, {"text": "42."}]}, "executableCode"),
        (GEMINI, {"parts": [{"inlineData": {"data": "AA=="}}, {"text": "42."}]}, "inlineData"),
    ],
)
def test_text_of_the_model_alone_is_the_answer(wire: Wire, content: Any, left_out: str) -> None:
    places = {OPENAI: {"choices": [{"message": {"content": content}}]}, ANTHROPIC: {"content": content}}
    read = read_answer(wire, REQUEST, json.dumps(places.get(wire, {"candidates": [{"content": content}]})).encode())
    assert not isinstance(read, Failure) and read.text == "42."
    assert any(left_out in warning for warning in read.warnings if "without text" in warning) == bool(left_out)
