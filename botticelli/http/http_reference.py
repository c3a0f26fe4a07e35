"""Makes docs/reference/http.md from the published OpenAPI: `python -m botticelli.http.http_reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botticelli.http.app import create_app
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings

HEAD = """# The HTTP API

Made from the OpenAPI document by `python -m botticelli.http.http_reference`. A running server publishes that document at
`/v1/openapi.json` (OpenAPI 3.1), with the schema of each answer. How to use it is in
[Use Botticelli over HTTP](../howto/http.md): problems, idempotency keys, streams, tokens, tenants.

Times are RFC 3339 between the years 1970 and 2200, and in UTC where no zone is given; costs are US dollars. Each route names
the scope that a token needs; `admin` has all of them. `*` marks what is required, and each line
says where it stands: in the path, the query, a header or the body. Routes that create something take an `Idempotency-Key`.
"""
METHODS = ("get", "post", "put", "patch", "delete")


def reference(document: dict[str, Any]) -> str:
    """Return the page for an OpenAPI document."""
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                tag = item[method].get("tags", ["other"])[0]
                by_tag.setdefault(tag, []).extend(_operation(document, method, path, item[method]))
    sections = [f"\n## {tag.capitalize()}\n\n" + "\n".join(lines) for tag, lines in by_tag.items()]
    return HEAD + "".join(sections)


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield ""
    scope = operation.get("x-required-scope")
    yield f"{_one_line(operation['description'])}{f' Scope: `{scope}`.' if scope else ''}"
    yield ""
    parameters = operation.get("parameters", ())
    fields = [
        _field(document, each["name"], each, each["schema"], each.get("required"), place=each["in"])
        for each in parameters
    ]
    fields += _body(document, operation)
    if fields:
        yield from fields
        yield ""


def _body(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return []
    schema = _resolved(document, content["schema"])
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    return [_field(document, name, inner, inner, name in required, place="body") for name, inner in properties.items()]


def _field(
    document: dict[str, Any], name: str, about: dict[str, Any], schema: dict[str, Any], required: Any, *, place: str
) -> str:
    text = about.get("description") or schema.get("description") or ""
    return f"- `{name}`{'*' if required else ''} ({place}): {_kind(document, schema)}{f'. {_one_line(text)}' if text else ''}"


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the type of a value in words."""
    if "$ref" in schema:
        return _kind(document, _resolved(document, schema))
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(document, each) for each in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any JSON")


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of a value that may be null take the other form."""
    if "anyOf" in schema:
        schema = next((each for each in schema["anyOf"] if each.get("type") != "null"), schema)
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _one_line(text: str) -> str:
    return " ".join(text.split())


def published() -> dict[str, Any]:
    """Return the OpenAPI document of this version. Touches no server."""
    runtime = Runtime(load_settings({}, environ={}, cwd=Path("/")))
    return create_app(runtime).openapi()


if __name__ == "__main__":
    print(reference(published()), end="")
