"""Discord's own description of its HTTP API (OpenAPI 3.1, MIT licence), as far as our requests go: routes and their bodies.

`python -m tests.support.servers.discord_openapi DESCRIPTION DATE` makes the extract anew that the tests read.
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
_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}@-]+)")
_WORDS = ("description", "title", "x-discord-union", "deprecated")


def faults(method: str, path: str, body: Any) -> list[str]:
    """What Discord's description says against a request; one line each."""
    template = _template(extract()["paths"], method.lower(), path)
    if template is None:
        return [f"{method} {path} is no route"]
    schema = extract()["paths"][template][method.lower()]
    if schema is None:
        return [] if body is None else [f"{method} {path} takes no body"]
    found = [
        f"{method} {path}: {one.json_path} {one.message[:300]}"
        for one in _validator(template, method.lower()).iter_errors(body or {})
    ]
    unknown = set(body or {}) - _names(schema)
    return found + [f"{method} {path}: no field {one}" for one in sorted(unknown)]


@cache
def extract() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(EXTRACT.read_text(encoding="utf-8"))
    return read


def extracted(described: dict[str, Any], taken_at: str) -> dict[str, Any]:
    """Of a whole description: the routes that our sources name, the schemas of their bodies and what these refer to."""
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
    """Method and route of the extract, of each route that our sources name."""
    filled = ((method.lower(), re.sub(r"\{\w+\}", "1", route)) for method, route in _routes())
    return {(method, _template(extract()["paths"], method, path) or path) for method, path in filled}


def _routes() -> set[tuple[str, str]]:
    sources = [file for file in SOURCES.glob("**/*.py") if file.parent.name != "fake"]
    files = [*sources, SOURCES / "catalogue" / "catalogue.toml"]
    return {
        match
        for file in files
        for match in _ROUTE.findall(file.read_text("utf-8").replace("{{", "{").replace("}}", "}"))
    }


def _template(paths: dict[str, Any], method: str, path: str) -> str | None:
    """The route of a path, the one with the fewest names first."""
    return next(
        (
            one
            for one in sorted(paths, key=lambda one: one.count("{"))
            if method in paths[one] and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)
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
    return set(schema.get("properties", ())).union(*(_names(one) for one in inner))


def _bare(schema: Any) -> Any:
    """Without the texts, which say nothing of types; a property may be called like one of them."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in _WORDS or not isinstance(value, (str, bool))}
    return {key: _bare(value) for key, value in kept.items()}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(SCHEMAS)
        schema = list(schema.values())
    for one in schema if isinstance(schema, list) else ():
        yield from _references(one)


if __name__ == "__main__":
    made = extracted(json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2])
    EXTRACT.write_text(json.dumps(made, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
