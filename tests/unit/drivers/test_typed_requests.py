"""Which form of a schema servers of OpenAI's protocol are sent, by their address."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.drivers import GenerateRequest, Message
from botticelli.drivers.openai import CompatibleDriver

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}


@pytest.mark.parametrize(
    ("base_url", "kind", "is_strict"),
    [
        ("https://api.groq.com/openai/v1", "json_schema", True),
        ("https://api.x.ai/v1", "json_schema", True),
        ("https://groq.company.example/v1", "json_schema", None),
        ("http://127.0.0.1:8000/v1", "json_schema", None),
        ("https://api.deepseek.com/v1", "json_object", None),
    ],
)
def test_schema_has_the_form_that_a_server_takes(base_url: str, kind: str, is_strict: bool | None) -> None:
    driver = CompatibleDriver({"base_url": base_url})
    request = GenerateRequest(model="m", messages=(Message("user", "x"),), json=True, json_schema=SCHEMA)
    sent = driver._response_format(request)["response_format"]
    assert (sent["type"], sent.get("json_schema", {}).get("strict")) == (kind, is_strict)
    if is_strict:
        assert sent["json_schema"]["schema"]["properties"]["a"]["description"] == "minLength: 2"
    elif kind == "json_schema":
        assert sent["json_schema"]["schema"]["properties"]["a"]["minLength"] == 2
