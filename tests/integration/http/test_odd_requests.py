"""Tries every route with generated requests: none ends in a 500, and each refusal is a problem that fits the document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botticelli.runtime.process import Runtime
from tests.support.servers.http_door import served

TEXTS = st.text(max_size=20) | st.sampled_from(["", "latest", "\0", "\ud800", "%00", "../x", "a" * 400, "0", "-1"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STREAMS = ("/v1/events", "/v1/runs/{run_id}/events")
SEVERITY = ("type", "title", "status", "detail")


@pytest.fixture
def client(runtime: Runtime) -> Iterator[httpx2.Client]:
    with served(runtime) as client:
        yield client


@pytest.fixture
def document(client: httpx2.Client) -> dict[str, Any]:
    """The OpenAPI document that the server publishes of itself."""
    return dict(client.get("/v1/openapi.json").json())


def fields_of(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """Return the names of the fields of a body."""
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for reference in [schema.get("$ref"), *(each.get("$ref") for each in schema.get("anyOf", ()))]:
        if reference:
            return [*document["components"]["schemas"][reference.rpartition("/")[2]].get("properties", {})]
    return []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_with_a_defect(
    client: httpx2.Client, document: dict[str, Any], data: st.DataObject
) -> None:
    paths = sorted(path for path in document["paths"] if path not in STREAMS and not path.startswith("/webhooks"))
    path = data.draw(st.sampled_from(paths))
    method = data.draw(st.sampled_from(sorted(document["paths"][path])))
    operation = document["paths"][path][method]
    params: dict[str, str] = {}
    for parameter in operation.get("parameters", ()):
        text = data.draw(TEXTS, parameter["name"]).encode("utf-8", "replace").decode()
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(text, safe="") or "x")
        elif parameter["in"] == "query" and data.draw(st.booleans()):
            params[parameter["name"]] = text
    names = fields_of(document, operation)
    body = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=4) if names else st.none())
    content = None if body is None else encoded(body)
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    answer = client.request(method.upper(), path, params=params, content=content, headers=headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert all(name in answer.json() for name in SEVERITY)


def encoded(value: Any) -> bytes:
    import json

    return json.dumps(value).encode("utf-8")
