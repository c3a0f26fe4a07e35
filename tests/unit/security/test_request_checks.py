"""Checks of requests to enqueue: one line for each thing that can't be taken, at every door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botticelli.client import Client
from botticelli.errors import InvalidInput
from botticelli.security.request_checks import check_request


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


BAD: list[tuple[dict[str, Any], str]] = [
    ({"iterations": 0}, "iterations must be from 1 to 2,147,483,647"),
    ({"iterations": -1}, "iterations must be from 1"),
    ({"iterations": 2**63}, "iterations must be from 1"),
    ({"iterations": 2**31}, "iterations must be from 1"),
    ({"iterations": True}, "iterations must be a whole number, not true or false"),
    ({"iterations": False}, "iterations must be a whole number"),
    ({"iterations": 1.5}, "iterations must be a whole number, not a decimal number"),
    ({"iterations": "3"}, "iterations must be a whole number, not a string"),
    ({"iterations": [3]}, "iterations must be a whole number, not a list"),
    ({"narrative": ""}, "narrative is empty"),
    ({"narrative": "  "}, "narrative is empty"),
    ({"narrative": "a\0b"}, "narrative contains a NUL"),
    ({"narrative": 7}, "narrative must be a string, not a number"),
    ({"narrative": "x" * 301}, "narrative has 301 characters, the limit is 300"),
    ({"narrative": "\u200b"}, "narrative is empty"),
    ({"tags": ["\u2060\ufeff"]}, "tags, entry 1 is empty"),
    ({"tenant": "\u3164"}, "tenant is empty"),
    ({"narrative": None}, "give either the name of a narrative or its text"),
    ({"text": "x"}, "give either the name of a narrative or its text"),
    ({"narrative": None, "text": ""}, "text is empty"),
    ({"narrative": None, "text": "a\0"}, "text contains a NUL"),
    ({"name": ""}, "name is empty"),
    ({"run_id": "\0"}, "run_id contains a NUL"),
    ({"idempotency_key": ""}, "idempotency_key is empty"),
    ({"idempotency_key": "\ud800"}, "idempotency_key contains an unpaired surrogate"),
    ({"variables": {"a": 3}}, "variables.a must be a string, not a number"),
    ({"variables": {"a": None}}, "variables.a must be a string, not null"),
    ({"variables": {"a": "\0"}}, "variables.a contains a NUL"),
    ({"variables": {"a": "\udfff"}}, "variables.a contains an unpaired surrogate"),
    ({"variables": {"a\0": "x"}}, "a name in variables contains a NUL"),
    ({"variables": {3: "x"}}, "a name in variables must be a string"),
    ({"variables": ["a"]}, "variables must be a table, not a list"),
    ({"variables": "a=b"}, "variables must be a table, not a string"),
    ({"variables": {"a": "x" * 600_000, "b": "x" * 600_000}}, "variables has 1,200,000 characters"),
    ({"variables": {str(number): "" for number in range(1001)}}, "variables has 1,001 entries"),
    ({"tags": "nightly"}, "tags must be a list of strings, not a string"),
    ({"tags": [""]}, "tags, entry 1 is empty"),
    ({"tags": ["a", "b\0"]}, "tags, entry 2 contains a NUL"),
    ({"tags": [1]}, "tags, entry 1 must be a string"),
    ({"tags": ["t"] * 101}, "tags has 101 entries"),
    ({"tiers": {"gemini": ""}}, "tiers.gemini is empty"),
    ({"service_tier": "cheap"}, "service_tier must be one of default, flex, priority"),
    ({"service_tier": ["flex"]}, "service_tier must be one of default, flex, priority"),
    ({"tiers": {"gemini": 1}}, "tiers.gemini must be a string"),
    ({"tenant": ""}, "tenant is empty"),
    ({"tenant": "a\0"}, "tenant contains a NUL"),
    ({"rehearse": "yes"}, "rehearse must be true or false, not a string"),
    ({"rehearse": 1}, "rehearse must be true or false, not a number"),
    ({"demands": []}, "demands must be a table"),
    ({"demands": deep(100_000)}, "demands is nested deeper than 32 levels"),
    ({"iteratons": 3}, "unknown option iteratons; did you mean iterations?"),
    ({"x\0": 3}, "unknown option x\\x00; the options are "),
]


@pytest.mark.parametrize(("said", "says"), BAD, ids=lambda value: value if isinstance(value, str) else "-")
def test_request_that_cannot_be_taken_is_one_line(said: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_request({"narrative": "hello", **said})
    assert says in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"iterations": 1},
        {"iterations": 2**31 - 1, "variables": {"a": "", "b": "ü\N{GRINNING FACE}"}, "tags": ("a",), "rehearse": False},
        {
            "tenant": "acme",
            "tiers": {"gemini": "free"},
            "service_tier": "flex",
            "demands": {"security": {"denied_commands": ["a"]}},
        },
        {"iterations": None, "tags": [], "variables": None},
    ],
)
def test_request_that_can_be_taken_passes(said: dict[str, Any]) -> None:
    check_request({"narrative": "hello", **json.loads(json.dumps(said))})


@pytest.mark.parametrize("iterations", [0, -1, True, 2**63, "3", 1.5])
def test_client_refuses_what_no_run_can_have_before_it_sends(iterations: Any) -> None:
    with Client() as client, pytest.raises(InvalidInput, match="iterations"):
        client.enqueue("hello", iterations=iterations)


def test_client_refuses_an_empty_name() -> None:
    with Client() as client, pytest.raises(InvalidInput, match="narrative is empty"):
        client.enqueue("")
