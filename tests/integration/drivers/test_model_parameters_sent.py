"""Requests of the real SDKs for thinking, service tier and sampling, by model class; and how flex refusals are read."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.openai import CompatibleDriver
from botticelli.errors import DriverTerminal, DriverTransient
from botticelli.testing.providers import FakeProvider
from tests.support.servers.sdks import driver_for, request


def sent(wire: Any, model: str, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the body that arrived and the warnings of the answer."""
    with FakeProvider(wire) as server:
        response = driver_for(server).generate(request(wire, model=model, **fields))
        return server.received[0].body, response.warnings


@pytest.mark.parametrize(
    ("model", "level", "expected"),
    [
        ("claude-opus-5-5", "high", {"output_config": {"effort": "high"}}),
        ("claude-sonnet-5-5", "off", {"thinking": {"type": "between_tools"}}),
        ("claude-haiku-5-5", "off", {"thinking": {"type": "disabled"}}),
        ("claude-opus-4-8", "low", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (
            "claude-haiku-4-5",
            "medium",
            {"thinking": {"type": "enabled", "budget_tokens": 4096}, "max_tokens": 4096 + 4096},
        ),
    ],
)
def test_anthropic_thinking_is_sent_as_its_class_takes_it(model: str, level: str, expected: dict[str, Any]) -> None:
    body, warnings = sent("anthropic", model, thinking=level)
    keys = ("thinking", "output_config", *(["max_tokens"] if "max_tokens" in expected else []))
    assert {key: body[key] for key in keys if key in body} == expected and warnings == ()


def test_anthropic_effort_stands_beside_a_schema() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body, _ = sent("anthropic", "claude-opus-5-5", thinking="low", json=True, json_schema=schema)
    assert body["output_config"]["effort"] == "low" and body["output_config"]["format"]["schema"] == schema


def test_openai_thinking_frees_or_forbids_the_temperature() -> None:
    off, no_warning = sent("openai", "gpt-6-luna", thinking="off", temperature=0.3, max_tokens=90, service_tier="flex")
    assert (off["reasoning_effort"], off["temperature"], off["service_tier"]) == ("none", 0.3, "flex")
    assert off["max_completion_tokens"] == 90 and "max_tokens" not in off
    assert [text for text in no_warning if "temperature" in text] == []
    thinking, warnings = sent("openai", "gpt-6-luna", thinking="high", temperature=0.3, top_p=1)
    assert thinking["reasoning_effort"] == "high" and {"temperature", "top_p"}.isdisjoint(thinking)
    assert warnings == ("temperature was not sent: gpt-6-luna accepts no temperature while it thinks",)


@pytest.mark.parametrize(
    ("model", "level", "config"),
    [
        ("gemini-4-argon", "low", {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash-lite", "off", {"thinkingLevel": "MINIMAL"}),
        ("gemini-2.5-flash", "off", {"thinkingBudget": 0}),
    ],
)
def test_gemini_thinking_is_a_level_or_a_budget(model: str, level: str, config: dict[str, Any]) -> None:
    body, _ = sent("gemini", model, thinking=level)
    thinking = body["generationConfig"]["thinkingConfig"]
    assert {key.replace("_l", "L").replace("_b", "B"): value for key, value in thinking.items()} == config


def test_gemini_leaves_out_what_it_would_ignore_and_names_its_tier() -> None:
    with FakeProvider("gemini", service="standard") as server:
        driver = driver_for(server, flex_timeout_seconds=600)
        whole_request = request("gemini", model="gemini-3.8-flash", temperature=0.2, service_tier="flex")
        response = driver.generate(whole_request)
        received = server.received[0]
    assert received.body["serviceTier"] == "flex" and "temperature" not in received.body.get("generationConfig", {})
    assert received.headers["x-server-timeout"] == "600"
    assert response.warnings == (
        "temperature has no effect on gemini-3.8-flash, so it is not sent",
        "the service tier flex was asked for; standard answered, and is what is charged",
    )


def test_compatible_server_is_sent_what_nobody_knows_better() -> None:
    with FakeProvider("openai") as server:
        driver = CompatibleDriver({"base_url": server.url})
        driver.generate(GenerateRequest(model="qwen", messages=(Message("user", "a"),), thinking="low", max_tokens=5))
        driver.generate(GenerateRequest(model="gpt-6-luna", messages=(Message("user", "a"),), max_tokens=5))
        driver.close()
        first, second = (entry.body for entry in server.received)
    assert (first["reasoning_effort"], first["max_tokens"]) == ("low", 5)
    assert second["max_completion_tokens"] == 5


@pytest.mark.parametrize(("wire", "model"), [("openai", "gpt-6-luna"), ("gemini", "gemini-3.8-flash")])
def test_refusal_of_capacity_is_told_from_a_rate_limit(wire: Any, model: str) -> None:
    with FakeProvider(wire, ["no-capacity", "429:1", "no-capacity"]) as server:
        driver = driver_for(server)
        errors = []
        for tier in ("flex", "flex", None):
            with pytest.raises(DriverTransient) as caught:
                driver.generate(request(wire, model=model, service_tier=tier))
            errors.append(caught.value.no_capacity)
    assert errors == [True, False, False]


@pytest.mark.parametrize("wire", ["openai", "gemini"])
def test_flex_call_has_its_own_deadline(wire: Any) -> None:
    model = {"openai": "gpt-6-luna", "gemini": "gemini-3.8-flash"}[wire]
    with FakeProvider(wire, ["slow:1.5", "slow:1.5"], service="flex") as server:
        driver = driver_for(server, timeout_seconds=0.5, flex_timeout_seconds=60)
        assert driver.generate(request(wire, model=model, service_tier="flex")).service == "flex"
        with pytest.raises(Exception, match="no answer in time"):
            driver.generate(request(wire, model=model))


def test_begun_answer_is_refused_before_it_is_sent() -> None:
    turns = (Message("user", "a"), Message("assistant", "{"))
    with FakeProvider("anthropic") as server:
        driver = driver_for(server)
        with pytest.raises(DriverTerminal, match="claude-opus-5-5 accepts no begun answer") as refusal:
            driver.generate(GenerateRequest(model="claude-opus-5-5", messages=turns))
        driver.generate(GenerateRequest(model="claude-haiku-4-5", messages=turns))
        assert not refusal.value.was_sent and len(server.received) == 1
