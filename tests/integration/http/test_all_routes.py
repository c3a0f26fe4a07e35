"""Tests every route of the published OpenAPI: what it answers to nothing, to strangers and to tokens of other tenants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
from sqlalchemy import text

from botticelli.carousel.enqueuing.from_wire import enqueue_named
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.cli.main import root
from botticelli.http.app import create_app
from botticelli.http.cli_routes import ELSEWHERE, ROUTES
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import create_token
from botticelli.store import Intent, NewRow, Origin
from tests.support.servers.http_door import served

GREET = """
[narrative]
name = "greet"
[acts.hello]
model = "echo/echo"
prompt = "Hello."
"""
OPEN_PATHS = ("/healthz", "/readyz")
TENANT_SCOPES = ("read", "enqueue", "control", "approve")
HIDDEN = ("api_tokens", "http_answers")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path.startswith("/webhooks/"):  # signed, and without a token
            continue
        for method, operation in item.items():
            yield method.upper(), path, operation


@pytest.fixture
def document(runtime: Runtime) -> dict[str, Any]:
    with served(runtime) as client:
        published: dict[str, Any] = client.get("/v1/openapi.json").json()
    return published


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


def test_every_command_has_a_route_or_a_reason(document: dict[str, Any]) -> None:
    commands = set(leaves(root, ()))
    assert ROUTES.keys() | ELSEWHERE.keys() == commands and not ROUTES.keys() & ELSEWHERE.keys()
    published = {f"{method} {path}" for method, path, _ in operations(document)}
    assert {route for routes in ROUTES.values() for route in routes} <= published


def test_every_operation_is_described_and_names_its_problems(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for method, path, operation in operations(document):
        assert operation["description"] and operation["operationId"], f"{method} {path}"
        if path not in OPEN_PATHS:
            assert "application/problem+json" in operation["responses"]["default"]["content"], f"{method} {path}"


def test_strangers_are_refused_everywhere(runtime: Runtime, document: dict[str, Any]) -> None:
    create_token(runtime, "t", ["read"], by="ada")
    with served(runtime) as client:
        for method, path, _ in operations(document):
            if path not in OPEN_PATHS:
                answer = client.request(method, filled(path, {}), json=None if method == "GET" else {})
                assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"


def test_token_with_too_few_scopes_changes_nothing(runtime: Runtime, document: dict[str, Any]) -> None:
    reader = create_token(runtime, "t", ["read"], by="ada").text
    with served(runtime) as client:
        for method, path, _ in operations(document):
            if method != "GET" and path != "/v1/schedules:plan":
                answer = client.request(method, filled(path, {}), json={}, headers=bearer(reader))
                assert answer.status_code in (403, 422), f"{method} {path}: {answer.status_code}"
                assert answer.status_code == 403 or "/v1" in path


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def filled(path: str, values: dict[str, str]) -> str:
    for name in ("run_id", "key", "table", "row_id", "scope", "name", "token_id", "notice_id"):
        path = path.replace(f"{{{name}}}", values.get(name, "1"))
    return path


def belongings(runtime: Runtime, tenant: str) -> dict[str, str]:
    """Give a tenant one of everything, and return the ids by the names of the parameters of paths."""
    options = options_of_request({"tenant": tenant}, None)
    run = enqueue_named(runtime, options, narrative=None, text=GREET, name=None)
    key = f"{tenant}-effect"
    with runtime.store.transaction() as tx:
        tx.effects.ask(Intent(key, run.id, 1, "hello", "echo", "messages.send", {"content": tenant}, 1), 3600)
        row = NewRow({"body": f"of {tenant}"})
        origin = Origin("greet", run.id, "hello", None)
        (row_id,) = tx.content.add(f"posts_{tenant}", [row], origin, template=None, columns={"body": "text"})
    return {
        "run_id": run.id,
        "key": key,
        "table": f"posts_{tenant}",
        "row_id": str(row_id),
        "scope": f"tenant:{tenant}",
        "name": f"daily-{tenant}",
    }


BODIES: dict[str, dict[str, Any]] = {
    "/v1/runs/{run_id}:fork": {"number": 1},
    "/v1/effects/{key}:resolve": {"resolution": "done"},
    "/v1/content/{table}/{row_id}:review": {"status": "approved"},
    "/v1/schedules/{name}:backfill": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
}
NEEDED: dict[str, dict[str, Any]] = {"/v1/runs/{run_id}/acts": {"iteration": 1}}


def everything(runtime: Runtime) -> str:
    """Return all rows of all tables, but for those of the door itself."""
    tables = "select table_schema || '.' || table_name from information_schema.tables where table_schema in "
    query = text(f"{tables} ('public', 'botticelli_content') and table_type = 'BASE TABLE' order by 1")
    with runtime.store.transaction() as tx:
        names = [name for name in tx.connection.execute(query).scalars() if name.partition(".")[2] not in HIDDEN]
        rows = {}
        for name in names:
            found_rows = text(f"select coalesce(json_agg(t order by t::text), '[]')::text from {name} t")
            rows[name] = tx.connection.execute(found_rows).scalar_one()
    return json.dumps(rows, indent=1)


def test_token_of_a_tenant_finds_nothing_of_another_on_any_route(make_runtime: Any) -> None:
    limits = {"budgets__tenants__a__rpd": "100", "budgets__tenants__b__rpd": "100"}
    runtime = make_runtime(**limits)
    token = create_token(runtime, "t", TENANT_SCOPES, by="ada", tenant="a").text
    with served(runtime) as client:
        document = client.get("/v1/openapi.json", headers=bearer(token)).json()
        mine, others = belongings(runtime, "a"), belongings(runtime, "b")
        admin = bearer(create_token(runtime, "t", ["admin"], by="ada").text)
        for tenant, ids in (("a", mine), ("b", others)):
            made = {"text": GREET, "name": ids["name"], "every_seconds": 3600, "request": {"tenant": tenant}}
            assert client.post("/v1/schedules", json=made, headers=admin).status_code == 201
        before = everything(runtime)
        for method, path, _ in operations(document):
            if "{" not in path or method + path == "GET/v1/runs/{run_id}/events":
                continue
            given = {"json": BODIES.get(path, {})} if method != "GET" else {"params": NEEDED.get(path, {})}
            headers = bearer(token) | ({"If-Match": "*"} if method == "PATCH" else {})
            answer = client.request(method, filled(path, others), headers=headers, **given)
            assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text}"
            assert "of b" not in answer.text and '"b"' not in answer.text, f"{method} {path}"
        assert everything(runtime) == before
        same_name = {"text": GREET, "name": others["name"], "every_seconds": 3600}
        assert client.post("/v1/schedules", json=same_name, headers=bearer(token)).status_code == 201


def test_lists_of_a_tenant_have_nothing_of_another(make_runtime: Any) -> None:
    runtime = make_runtime(**{"budgets__tenants__a__rpd": "100", "budgets__tenants__b__rpd": "100"})
    token = create_token(runtime, "t", TENANT_SCOPES, by="ada", tenant="a").text
    with served(runtime) as client:
        mine, others = belongings(runtime, "a"), belongings(runtime, "b")
        document = client.get("/v1/openapi.json").json()
        texts = ""
        for method, path, operation in operations(document):
            needed = [each for each in operation.get("parameters", ()) if each.get("required")]
            if method == "GET" and "{" not in path and not needed and path not in OPEN_PATHS:
                answer = client.get(path, headers=bearer(token))
                assert answer.status_code in (200, 403), f"{path}: {answer.text}"
                texts += answer.text
        assert client.get(f"/v1/events?run={others['run_id']}", headers=bearer(token)).status_code == 404
        assert client.get(f"/v1/runs/{others['run_id']}/events", headers=bearer(token)).status_code == 404
        started = client.post("/v1/runs", json={"text": GREET, "tenant": "b"}, headers=bearer(token))
    for name in ("run_id", "key", "table", "scope"):
        assert mine[name] in texts and others[name] not in texts, name
    assert started.status_code == 403


def test_app_is_made_without_a_server(runtime: Runtime) -> None:
    assert create_app(runtime).openapi()["info"]["title"] == "Botticelli"
