"""Parameters that models refuse or ignore, by class: the data, and what is found for a choice of parameters."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import Choice, Finding, ModelParameters
from botticelli.drivers.parameters.parameter_classes import accepted_parameters, parameter_classes


def findings(model: str, **choice: Any) -> list[Finding]:
    provider, _, name = model.partition("/")
    parameters = accepted_parameters(name, provider)
    assert parameters is not None
    return list(parameters.findings(name, Choice(**choice)))


def keys(model: str, **choice: Any) -> list[tuple[str, bool]]:
    return [(finding.key, finding.is_error) for finding in findings(model, **choice)]


@pytest.mark.parametrize(
    ("model", "choice", "expected"),
    [
        ("anthropic/claude-haiku-5-5", {"temperature": 0.4}, [("temperature", True)]),
        ("anthropic/claude-haiku-5-5", {"temperature": 1.0}, []),
        ("anthropic/claude-haiku-4-5", {"temperature": 0.4}, []),
        ("anthropic/claude-haiku-4-5", {"temperature": 0.4, "thinking": "low"}, [("temperature", True)]),
        ("anthropic/claude-haiku-4-5", {"temperature": 0.4, "top_p": 0.9}, [("top_p", True)]),
        ("anthropic/claude-haiku-4-5", {"thinking": "high", "max_tokens": 9000}, [("max_tokens", True)]),
        ("anthropic/claude-opus-5-5", {"thinking": "off"}, [("thinking", True)]),
        ("anthropic/claude-opus-5-5", {"service_tier": "flex"}, [("service_tier", True)]),
        ("anthropic/claude-opus-5-5", {"service_tier": "default"}, []),
        ("anthropic/claude-opus-9", {"temperature": 0.4}, [("temperature", True)]),
        ("openai/gpt-6-luna", {"temperature": 0.4}, [("temperature", True)]),
        ("openai/gpt-6-luna", {"temperature": 0.4, "thinking": "off"}, []),
        ("openai/gpt-5.4-mini", {"temperature": 0.4}, []),
        ("openai/gpt-6.2-sol", {"service_tier": "flex"}, [("service_tier", True)]),
        ("openai/gpt-6.2-sol", {"thinking": "off"}, [("thinking", True)]),
        ("openai/gpt-5.5-pro", {"thinking": "low"}, [("thinking", True)]),
        ("openai/gpt-4.1", {"thinking": "low"}, [("thinking", True)]),
        ("openai/gpt-4.1", {"thinking": "off", "temperature": 0.4, "top_p": 0.5}, []),
        ("gemini/gemini-3.8-flash", {"temperature": 0.4}, [("temperature", False)]),
        ("gemini/gemini-3.5-flash-lite", {"thinking": "off"}, [("thinking", False)]),
        ("gemini/gemini-4-argon", {"thinking": "off"}, [("thinking", True)]),
        ("gemini/gemini-3.1-flash-lite", {"temperature": 0.4, "service_tier": "flex"}, []),
        ("openai-compatible/grok-4.7", {"thinking": "off"}, [("thinking", True)]),
        ("openai-compatible/mistral-large-4", {"thinking": "low"}, [("thinking", True)]),
        ("echo/echo", {"thinking": "high", "temperature": 0.1, "service_tier": "flex", "top_p": 0.2}, []),
    ],
)
def test_choice_is_compared_with_the_class_of_its_model(
    model: str, choice: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert keys(model, **choice) == expected


def test_finding_says_why_and_what_to_do() -> None:
    (finding,) = findings("openai/gpt-6-luna", temperature=0.4)
    assert finding.reason == "gpt-6-luna accepts no temperature while it thinks"
    assert finding.do == 'remove it, or write thinking = "off"'
    (finding,) = findings("openai/gpt-5.5-pro", thinking="off")
    assert (finding.reason, finding.do) == (
        "gpt-5.5-pro can't stop thinking",
        'write "medium" or "high", or choose another model',
    )


def test_unknown_model_gets_everything_with_a_warning_about_thinking() -> None:
    assert accepted_parameters("qwen", "openai-compatible", "openai") is None
    findings = ModelParameters().findings("qwen", Choice(temperature=0.4, thinking="low"))
    assert [(finding.key, finding.is_error) for finding in findings] == [("thinking", False)]


def test_every_class_has_a_source_and_can_be_reached() -> None:
    classes = parameter_classes()
    for index, entry in enumerate(classes):
        assert entry.source and entry.as_of.year >= 2026
        assert entry.levels or entry.thinks == "never"
        for pattern in entry.models:
            example = pattern.replace("[0-9]", "3").replace("[5-9]", "5").replace("*", "x")
            first = next(n for n, other in enumerate(classes) if other.matches(entry.provider, example))
            assert first == index, f"{pattern} is shadowed by {classes[first].models}"
