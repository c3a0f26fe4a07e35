"""Checks requests against Discord's description of its HTTP API (OpenAPI 3.1, MIT licence): routes and their bodies.

`python -m tests.support.servers.discord_openapi DESCRIPTION DATE` writes the extract that the tests read.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "botticelli" / "platforms" / "discord"
EXTRACT = ROOT / "tests" / "integration" / "discord" / "data" / "discord_openapi_extract.json"
SCHEMAS = "#/components/schemas/"
CALLBACK = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
"""Answers to interactions have the form of its body, also when they are the answer of a webhook."""
_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}@-]+)")
_WORDS = ("description", "title", "x-discord-union", "deprecated")


def faults(method: str, path: str, body: Any) -> list[str]:
    """List what is wrong with a request by Discord's description, one line each."""
    template = _template(extract()["paths"], method.lower(), path)
    if template is None:
        return [f"{method} {path} is no route"]
    schema = extract()["paths"][template][method.lower()]
    if schema is None:
        return [] if body is None else [f"{method} {path} takes no body"]
    invalid = [
        f"{method} {path}: {error.json_path} {error.message[:300]}"
        for error in _validator(template, method.lower()).iter_errors(body or {})
    ]
    unknown = set(body or {}) - _names(schema)
    return invalid + [f"{method} {path}: no field {field}" for field in sorted(unknown)]


@cache
def extract() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(EXTRACT.read_text(encoding="utf-8"))
    return read


def extracted(described: dict[str, Any], taken_at: str) -> dict[str, Any]:
    """Extract the routes that our sources name, the schemas of their bodies and the schemas that these refer to."""
    paths: dict[str, dict[str, Any]] = {}
    for method, route in sorted(_routes()):
        template = _template(described["paths"], method.lower(), re.sub(r"\{\w+\}", "1", route))
        assert template is not None, f"{method} {route}"
        body = described["paths"][template][method.lower()].get("requestBody", {}).get("content", {})
        paths.setdefault(template, {})[method.lower()] = _bare(body["application/json"]["schema"]) if body else None
    schemas: dict[str, Any] = {}
    waiting = [*_references(paths)]
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = _bare(described["components"]["schemas"][name])
            waiting += _references(schemas[name])
    return {
        "source": "Discord's OpenAPI description of its HTTP API v10 (MIT licence), texts left out",
        "taken_at": taken_at,
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def named_routes() -> set[tuple[str, str]]:
    """Return method and route in the extract for each route that our sources name."""
    filled = ((method.lower(), re.sub(r"\{\w+\}", "1", route)) for method, route in _routes())
    return {(method, _template(extract()["paths"], method, path) or path) for method, path in filled}


def _routes() -> set[tuple[str, str]]:
    sources = [file for file in SOURCES.glob("**/*.py") if file.parent.name != "fake"]
    files = [*sources, SOURCES / "catalogue" / "catalogue.toml"]
    named = {
        match
        for file in files
        for match in _ROUTE.findall(file.read_text("utf-8").replace("{{", "{").replace("}}", "}"))
    }
    return named | {CALLBACK}


def _template(paths: dict[str, Any], method: str, path: str) -> str | None:
    """Find the route of a path; routes with fewer parameters come first."""
    return next(
        (
            route
            for route in sorted(paths, key=lambda route: route.count("{"))
            if method in paths[route] and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path)
        ),
        None,
    )


@cache
def _validator(template: str, method: str) -> Draft202012Validator:
    schema = extract()["paths"][template][method]
    return Draft202012Validator({**schema, "components": extract()["components"]})


def _names(schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        schema = extract()["components"]["schemas"][schema["$ref"].removeprefix(SCHEMAS)]
    inner = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    return set(schema.get("properties", ())).union(*map(_names, inner))


def _bare(schema: Any) -> Any:
    """Remove the texts of a schema, but not properties that have the name of a text."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _bare(value) for key, value in schema.items() if key not in _WORDS or not isinstance(value, (str, bool))
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(SCHEMAS)
        schema = list(schema.values())
    for item in schema if isinstance(schema, list) else ():
        yield from _references(item)


if __name__ == "__main__":
    description = extracted(json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2])
    EXTRACT.write_text(json.dumps(description, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
