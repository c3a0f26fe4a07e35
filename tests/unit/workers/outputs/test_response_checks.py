"""Checks of an answer: used, repaired, warned about or refused. And its text while it is written."""

from __future__ import annotations

import json

import pytest

from botticelli.drivers import GenerateResponse, Usage
from workers.model.model_call import StreamedText
from workers.outputs.response_checks import CheckedAnswer, check_answer


def judged(text: str, finish: str = "stop", *, as_json: bool = True, warnings: tuple[str, ...] = ()) -> CheckedAnswer:
    return check_answer(
        GenerateResponse(text=text, usage=Usage(1, 9), finish_reason=finish, warnings=warnings), as_json=as_json
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{name: 'tea', n: 1,}", {"name": "tea", "n": 1}),
        ('Here it is: {"a": [1, 2]', {"a": [1, 2]}),
        ('[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}]),
    ],
)
def test_broken_json_is_repaired_and_said(text: str, value: object) -> None:
    checked = judged(text)
    assert (json.loads(checked.output), checked.raw, checked.fault) == (value, text, None)
    assert "repaired" in (checked.warning or "")


@pytest.mark.parametrize("text", ["no", "I can't do that [sorry]", "{}}x", "[", "```json\n```"])
def test_text_that_is_not_json_is_not_repaired(text: str) -> None:
    assert "not JSON" in (judged(text).fault or "")


@pytest.mark.parametrize("text", ["7", "[]", '{"a": 1}', '```json\n{"a": 1}\n```'])
def test_json_stays_as_it_was_written(text: str) -> None:
    assert judged(text, finish="length").output == judged(text).output == text
    assert judged(text) == CheckedAnswer(text)


def test_faults_name_what_the_driver_said() -> None:
    assert judged("x", "refused", warnings=("the provider's reason: SAFETY",)).fault == (
        "the model refused to answer; change the prompt or the model; the provider's reason: SAFETY"
    )
    assert "raise max_tokens" in (judged("", "length").fault or "")
    assert "raise max_tokens" in (judged("cut", "length", as_json=False).warning or "")


@pytest.mark.parametrize("finish", ["tool_calls", "pause_turn", "malformed_function_call", "other", "x"])
def test_end_that_is_none_fails_the_act_and_says_how_to_accept_it(finish: str) -> None:
    checked = judged("Hello.", finish, as_json=False)
    assert (checked.output, f'accepted_finish_reasons = ["{finish}"]' in (checked.fault or "")) == ("Hello.", True)


def test_partial_text_is_shown_five_times_a_second_at_most() -> None:
    moments, shown = iter([0.0, 0.1, 0.15, 0.2, 0.3, 0.45]), list[str]()
    partials = StreamedText(shown.append, clock=lambda: next(moments))
    for piece in "abcdef":
        partials.add(piece)
    assert shown == ["a", "abcd", "abcdef"]
