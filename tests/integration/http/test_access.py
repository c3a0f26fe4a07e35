"""Tests who may use the HTTP door: this machine without tokens, then tokens only; a tenant sees its own rows only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import text

from botticelli.carousel.enqueuing.from_wire import enqueue_named
from botticelli.carousel.enqueuing.request_options import options_of_request
from botticelli.runtime.process import Runtime
from botticelli.runtime.tenant_runtime import tenant_runtime
from botticelli.security.access_tokens import create_token, revoke_token
from botticelli.store import Run
from tests.support.servers.http_door import served

NARRATIVE = """
[narrative]
name = "greet"
[acts.hello]
model = "echo/echo"
prompt = "Hello."
"""


def token(runtime: Runtime, *scopes: str, tenant: str | None = None, expires_at: datetime | None = None) -> str:
    return create_token(runtime, "t", scopes or ("read",), by="ada", tenant=tenant, expires_at=expires_at).text


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def run_of(runtime: Runtime, tenant: str | None) -> Run:
    options = options_of_request({"tenant": tenant}, None)
    return enqueue_named(runtime, options, narrative=None, text=NARRATIVE, name=None)


def test_door_without_tokens_serves_this_machine_only(runtime: Runtime) -> None:
    with served(runtime) as client:
        assert client.get("/v1/runs").status_code == 200
        assert client.get("/v1/runs", headers={"Host": "evil.example"}).status_code == 401
        assert client.get("/v1/runs", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
        assert client.post("/v1/runs", headers={"Sec-Fetch-Site": "cross-site"}, json={}).status_code == 401
        token(runtime)
        assert client.get("/v1/runs").status_code == 401
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    with served(runtime, is_loopback=False) as client:
        assert client.get("/v1/runs").status_code == 401


def test_wrong_token_is_refused_with_the_reason(runtime: Runtime) -> None:
    expired, revoked = token(runtime, expires_at=datetime.now(UTC) + timedelta(hours=1)), token(runtime)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update api_tokens set expires_at = now() where expires_at is not null"))
    revoke_token(runtime, revoked)
    forged = revoked[:-1] + ("a" if revoked[-1] != "a" else "b")
    with served(runtime) as client:
        for wrong, reason in ((expired, "expired"), (revoked, "revoked"), (forged, "not known"), ("x", "not known")):
            answer = client.get("/v1/runs", headers=bearer(wrong))
            assert answer.status_code == 401 and reason in answer.json()["detail"]
            assert answer.headers["content-type"] == "application/problem+json"
            assert "Bearer" in answer.headers["www-authenticate"] and wrong not in answer.text


def test_secret_of_a_token_is_stored_nowhere(runtime: Runtime) -> None:
    secret = token(runtime).rpartition("_")[2]
    with runtime.store.transaction() as tx:
        rows = tx.connection.execute(text("select row_to_json(t)::text from api_tokens t")).scalars().all()
    assert rows and secret not in "".join(rows)


def test_tenant_sees_and_changes_only_its_own_rows(runtime: Runtime) -> None:
    token(runtime, tenant="a")
    runs = {tenant: run_of(runtime, tenant) for tenant in ("a", "b", None)}
    bound = tenant_runtime(runtime, "a")
    with bound.store.transaction() as tx:
        assert [run.id for run in tx.runs.recent()] == [runs["a"].id]
        assert tx.iterations.of_run(runs["b"].id) == [] and len(tx.iterations.of_run(runs["a"].id)) == 1
        tx.runs.set(runs["b"].id, reason="seen")
    with runtime.store.transaction() as tx:
        assert tx.runs.get(runs["b"].id).reason is None
        assert len(tx.runs.recent()) == 3


def test_tenant_can_not_write_a_run_of_another(runtime: Runtime) -> None:
    token(runtime, tenant="a")
    bound = tenant_runtime(runtime, "a")
    run = run_of(bound, "a")
    assert run.tenant == "a"
    with pytest.raises(Exception, match="row-level security"):
        run_of(bound, "b")


def test_list_of_runs_is_that_of_the_tenant(runtime: Runtime) -> None:
    mine, others = token(runtime, tenant="a"), token(runtime)
    runs = {tenant: run_of(runtime, tenant).id for tenant in ("a", "b")}

    def listed(client: httpx2.Client, text: str) -> set[str]:
        return {item["id"] for item in client.get("/v1/runs", headers=bearer(text)).json()["items"]}

    with served(runtime) as client:
        assert listed(client, mine) == {runs["a"]}
        assert listed(client, others) == set(runs.values())


def test_metrics_need_a_token_of_no_tenant_unless_the_settings_open_them(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime()
    ours, tenants = token(runtime), token(runtime, tenant="acme")
    with served(runtime) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers=bearer(tenants)).status_code == 403
        page = client.get("/metrics", headers=bearer(ours))
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert "\nbotticelli_admissible_iterations 0.0\n" in page.text
    with served(make_runtime(http__open_metrics="true")) as client:
        assert client.get("/metrics").status_code == 200
