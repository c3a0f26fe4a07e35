"""Tests the routes about runs: they are enqueued once, listed by pages, controlled, and refused with the place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from botticelli.runtime.process import Runtime
from tests.support.servers.http_door import served

GREET = """
[narrative]
name = "greet"
[acts.hello]
model = "echo/echo"
prompt = "Hello."
"""


@pytest.fixture
def client(runtime: Runtime) -> Iterator[httpx2.Client]:
    with served(runtime) as client:
        yield client


def enqueued(client: httpx2.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/runs", json={"text": GREET, **more})
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json()["run"]
    return run


def test_enqueued_run_is_found_where_the_answer_says(client: httpx2.Client) -> None:
    answer = client.post("/v1/runs", json={"text": GREET, "tags": ["nightly"], "tenant": "acme"})
    assert answer.status_code == 202
    shown = client.get(answer.headers["location"]).json()
    assert shown["run"]["status"] == "queued" or shown["run"]["status"] == "running"
    assert shown["run"]["tags"] == ["nightly"] and shown["options"]["tenant"] == "acme"


def test_narrative_with_mistakes_is_refused_with_their_places(client: httpx2.Client) -> None:
    answer = client.post("/v1/runs", json={"text": GREET + "promt = 1\n"})
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()["problems"][0]
    assert (problem["file"], problem["line"]) == ("narrative", 7) and problem["column"] and "promt" in str(problem)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"text": "x", "unknown": 1}', "application/json", 422),
        (b'{"text": "x"', "application/json", 422),
        (b'{"text": "a\\u0000b"}', "application/json", 422),
        (b'{"text": "\\ud800"}', "application/json", 422),
        (b'{"iterations": NaN, "text": "x"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"text=x", "application/x-www-form-urlencoded", 415),
        (b" " * 1_000_001, "application/json", 413),
    ],
)
def test_body_that_can_not_be_used_is_refused(client: httpx2.Client, content: bytes, kind: str, status: int) -> None:
    answer = client.post("/v1/runs", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/runs").json()["items"] == []


def test_body_that_grows_past_the_limit_is_refused(client: httpx2.Client) -> None:
    pieces = (b" " * 100_000 for _ in range(11))
    answer = client.post("/v1/runs", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_repeated_request_gets_the_stored_answer(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first, second = (client.post("/v1/runs", json={"text": GREET}, headers=headers) for _ in range(2))
    assert first.json() == second.json() and first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers and second.headers["idempotency-replayed"] == "true"
    other = client.post("/v1/runs", json={"text": GREET, "iterations": 2}, headers=headers)
    assert other.status_code == 422 and "Idempotency-Key" in other.json()["detail"]
    assert len(client.get("/v1/runs").json()["items"]) == 1


def test_request_in_flight_is_not_performed_beside_itself(client: httpx2.Client, runtime: Runtime) -> None:
    headers = {"Idempotency-Key": "k-2"}
    first = client.post("/v1/runs", json={"text": GREET}, headers=headers)
    with runtime.store.transaction() as tx:
        tx.connection.exec_driver_sql("update http_answers set status = null, lease_until = now() + interval '1 hour'")
    assert client.post("/v1/runs", json={"text": GREET}, headers=headers).status_code == 409
    with runtime.store.transaction() as tx:
        tx.connection.exec_driver_sql("update http_answers set lease_until = now() - interval '1 s'")
    again = client.post("/v1/runs", json={"text": GREET}, headers=headers)
    assert again.json()["run"]["id"] == first.json()["run"]["id"]


def test_pages_list_each_run_once(client: httpx2.Client) -> None:
    ids = [enqueued(client)["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/runs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [run["id"] for run in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert client.get("/v1/runs", params={"cursor": "x"}).status_code == 422
    assert client.get("/v1/runs", params={"limit": 201}).status_code == 422
    assert client.get("/v1/runs", params={"limits": 2}).status_code == 422


def test_actions_are_recorded_with_author_and_reason(client: httpx2.Client) -> None:
    run = enqueued(client)["id"]
    assert client.post(f"/v1/runs/{run}:pause", json={"reason": "lunch", "now": True}).json()["status"] == "paused"
    assert "lunch" in client.get(f"/v1/runs/{run}/why").json()["line"]
    assert client.post(f"/v1/runs/{run}:resume").status_code == 200
    assert client.post(f"/v1/runs/{run}:cancel").status_code == 200
    actions = client.get(f"/v1/runs/{run}").json()["actions"]
    assert [(action["action"], action["actor"]) for action in actions] == [
        ("pause now", "local"),
        ("resume", "local"),
        ("cancel", "local"),
    ]
    assert client.post("/v1/runs/nope:pause").status_code == 404


def test_run_that_the_budget_refuses_is_a_conflict_with_its_figures(make_runtime: Any) -> None:
    runtime = make_runtime(**{"budgets__tenants__acme__rpd": "1"})
    with served(runtime) as client:
        enqueued(client, tenant="acme")
        refused = client.post("/v1/runs", json={"text": GREET, "tenant": "acme"})
    assert refused.status_code == 409
    problem = refused.json()
    assert "acme" in problem["scope"] and problem["window"] and problem["retry_after_ms"] > 0
    assert problem["run_id"] and int(refused.headers["retry-after"]) > 0


def test_plan_starts_nothing(client: httpx2.Client) -> None:
    plan = client.post("/v1/plan", json={"text": GREET, "iterations": 3})
    assert plan.status_code == 200, plan.text
    assert plan.json()["iterations"] == 3 and client.get("/v1/runs").json()["items"] == []


@pytest.mark.parametrize("time", ["2000-01-29T03:37:48+17:37", "0424-12-10T05:33:01+20:33", "2026-01-01T00:00:00"])
def test_time_of_any_offset_is_understood(client: httpx2.Client, time: str) -> None:
    assert client.post("/v1/runs:prune", json={"before": time}).status_code == 200
    assert client.get("/v1/runs", params={"since": time}).status_code == 200
    before_year_one = client.get("/v1/runs", params={"since": "0001-01-01T00:00:00+10:00"})
    assert before_year_one.status_code == 422 and "year 1" in before_year_one.json()["detail"]
