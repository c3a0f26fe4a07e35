"""Thinking in the text of an answer."""

from __future__ import annotations

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.reading.thinking import ThinkingFilter, split_thinking, tags_in


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("<think>a</think>Hello.", "Hello.", "a"),
        (" \n<THINK>a</Think>\n\nHello.", "Hello.", "a"),
        ('<thinking x="1">a</thinking>Hello.', "Hello.", "a"),
        ("<reasoning>a</reasoning><think>b</think>Hello.", "Hello.", "a\n\nb"),
        ("<think>a <think>b</think> c</think>Hello.", "Hello.", "a <think>b</think> c"),
        ("<think>I speak of <think> once</think>Hello.", "Hello.", "I speak of <think> once"),
        ("<think></think>Hello.", "Hello.", ""),
        ("<think>a", "", "a"),
        ("<think>", "", ""),
        ("<think>a</thinking>Hello.", "Hello.", "a"),
        ("[THINK]a[/THINK]Hello.", "Hello.", "a"),
        ("[think] is a word.", "[think] is a word.", ""),
        ("◁think▷a◁/think▷Hello.", "Hello.", "a"),
        ("<seed:think>a</seed:think>Hello.", "Hello.", "a"),
        ("a</think>\nHello.", "Hello.", "a"),
        ("Hello. <think>b</think>", "Hello. <think>b</think>", ""),
        ("Write `</think>` last.", "Write `</think>` last.", ""),
        ("<thinker>a</thinker>", "<thinker>a</thinker>", ""),
        ("<div>a</div>", "<div>a</div>", ""),
        ("", "", ""),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>",
            "Hello.",
            "a",
        ),
        ("<|start|>assistant<|channel|>final<|message|>Hello.", "Hello.", ""),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|>"
            '<|start|>assistant<|channel|>final <|constrain|>json<|message|>{"a": 1}<|return|>',
            '{"a": 1}',
            "a\n\nb",
        ),
        ("<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final<|message|>Hello.", "Hello.", "a"),
        ("<|channel|>analysis<|message|>a", "", "a"),
        ("<|channel|>final<|message|><think>a</think>Hello.<|end|>", "Hello.", "a"),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Hello.<|END_RESPONSE|>", "Hello.", "a"),
        ("<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>Hello.<|end_of_solution|>", "Hello.", "a"),
        ("<|START_THINKING|>a", "", "a"),
        ("<|channel|> is a token.", "<|channel|> is a token.", ""),
        ("Write `<|channel|>final<|message|>x`.", "Write `<|channel|>final<|message|>x`.", ""),
        ("<| a |> b", "<| a |> b", ""),
    ],
)
def test_thinking_at_the_start_is_taken_out(text: str, answer: str, thinking: str) -> None:
    assert split_thinking(text) == (answer, thinking)


def test_tags_that_the_prompt_asks_for_are_left_alone() -> None:
    prompt = "Answer as <reasoning>why</reasoning><score>n</score>."
    request = GenerateRequest(model="x", messages=(Message("user", prompt),))
    text = "<reasoning>good</reasoning><score>5</score>"
    assert split_thinking(text, tags_in(request)) == (text, "")
    assert split_thinking(text) == ("<score>5</score>", "good")


def test_channels_that_the_prompt_speaks_of_are_left_alone() -> None:
    text = "<|channel|>analysis<|message|>a<|end|>"
    request = GenerateRequest(model="x", messages=(Message("user", f"Explain {text}"),))
    assert split_thinking(text, tags_in(request)) == (text, "")
    passing = ThinkingFilter(tags_in(request))
    assert passing.feed(text) + passing.finish() == text


CHANNELS = [
    "<|channel|>analysis<|message|>a > b<|end|><|start|>assistant<|channel|>final<|message|>Hello.",
    "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>Hello.",
    " <|start|>assistant<|channel|>final<|message|>Hello.",
]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("text", CHANNELS)
def test_preview_shows_the_final_channel_only(text: str, size: int) -> None:
    passing = ThinkingFilter()
    shown = [passing.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*shown, passing.finish()]) == "Hello."


@pytest.mark.parametrize("text", ["<| a |> b", "<div>a</div>", "Hello <|channel|>final<|message|>x", "<"])
@pytest.mark.parametrize("size", [1, 5])
def test_preview_shows_what_is_no_channel(text: str, size: int) -> None:
    passing = ThinkingFilter()
    shown = [passing.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*shown, passing.finish()]) == text


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    "start", ["[THINK]a[/THINK]", "◁think▷a◁/think▷", "<seed:think>a</seed:think>", "<think>a</thinking>"]
)
def test_preview_shows_no_thinking_in_brackets_of_its_own(start: str, size: int) -> None:
    text, passing = f"{start}Hello.", ThinkingFilter()
    shown = [passing.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*shown, passing.finish()]) == "Hello."
