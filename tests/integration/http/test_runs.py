"""Tests the routes about runs: they are enqueued once, listed by pages, controlled, and refused with the place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from botticelli.messages import WIRE_VERSION
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import create_token
from tests.support.servers.http_door import served
from workers.handlers import store_request

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


@pytest.mark.parametrize("time", ["2000-01-29T03:37:48+17:37", "2200-12-10T05:33:01+20:33", "2026-01-01T00:00:00"])
def test_time_of_any_offset_is_understood(client: httpx2.Client, time: str) -> None:
    assert client.post("/v1/runs:prune", json={"before": time}).status_code == 200
    assert client.get("/v1/runs", params={"since": time}).status_code == 200


EDGES = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"]
"""Times that no sum with a time can hold, or that only a mistake can mean."""


def test_time_that_can_not_be_meant_is_refused_everywhere(client: httpx2.Client) -> None:
    schedule = {"text": GREET, "name": "s1", "crons": ["0 9 * * *"]}
    assert client.post("/v1/schedules", json=schedule).status_code == 201
    pause = "/v1/budget/tenant:acme:pause"
    for time in [*EDGES, "2026", "now", ""]:
        params = {"at": time}
        answers = [
            client.post(pause, json={"until": time}),
            client.post("/v1/tokens", json={"name": "x", "expires_at": time}),
            client.get("/v1/schedules/s1/why", params=params),
            client.get("/v1/runs", params={"since": time}),
            client.post("/v1/runs:prune", json={"before": time}),
        ]
        said = [(answer.status_code, answer.json()["detail"]) for answer in answers]
        expected = "between the years 1970 and 2200" if time in EDGES else "RFC 3339"
        assert all(status == 422 and expected in detail for status, detail in said), (time, said)
    assert client.post(pause, json={"until": 1_900_000_000}).status_code == 422


def test_time_that_is_over_is_refused_where_it_would_do_nothing(make_runtime: Any) -> None:
    past = "2020-01-01T00:00:00Z"
    scope = "/v1/budget/tenant:acme"
    with served(make_runtime(**{"budgets__tenants__acme__rpd": "9"})) as client:
        (window,) = client.get(scope).json()["usual_limits"]
        lowered = {"window": window, "limit": 0, "reason": "r", "until": past}
        answers = [
            client.post("/v1/tokens", json={"name": "x", "expires_at": past}),
            client.post(f"{scope}:pause", json={"until": past}),
            client.post(f"{scope}:set", json=lowered),
        ]
        assert [answer.status_code for answer in answers] == [422] * 3
        assert all("is not in the future" in answer.json()["detail"] for answer in answers)
        assert client.get("/v1/tokens").json()["items"] == []


def test_empty_list_of_rows_or_statuses_does_not_mean_all(client: httpx2.Client, runtime: Runtime) -> None:
    named = GREET + '[carousel]\nforeach = [{ who = "Ada" }]\n'
    schedule = {"name": "s2", "crons": ["0 9 * * *"], "request": {"rows": []}}
    for text in (GREET, named):
        for path in ("/v1/runs", "/v1/plan"):
            answer = client.post(path, json={"text": text, "rows": []})
            assert answer.status_code == 422 and "has no rows" in answer.json()["detail"], answer.text
        assert client.post("/v1/schedules", json={"text": text, **schedule}).status_code == 422
    assert client.get("/v1/runs").json()["items"] == []
    assert not store_request(runtime, WIRE_VERSION, "m-1", {"text": named, "rows": []})
    (refused,) = client.get("/v1/runs").json()["items"]
    assert refused["status"] == "failed" and "has no rows" in refused["reason"]
    bulk = [
        ("/v1/runs:prune", {"before": "2026-01-01", "statuses": []}),
        ("/v1/content/posts:delete", {"ids": [], "table": True}),
        ("/v1/state:clear", {"prefix": ""}),
    ]
    answers = [client.post(path, json=body) for path, body in bulk]
    assert [answer.status_code for answer in answers] == [422] * 3, [answer.text for answer in answers]


def test_schedule_of_a_name_that_exists_is_refused_to_its_tenant_only(client: httpx2.Client, runtime: Runtime) -> None:
    schedule = {"text": GREET, "name": "daily", "crons": ["0 9 * * *"]}
    made = [client.post("/v1/schedules", json=schedule) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 422] and "already" in made[1].json()["detail"]
    token = create_token(runtime, "t", ["read", "enqueue", "control"], by="ada", tenant="acme").text
    bearer = {"Authorization": f"Bearer {token}"}
    own = [client.post("/v1/schedules", json=schedule, headers=bearer) for _ in range(2)]
    assert [answer.status_code for answer in own] == [201, 422], own[0].text
    assert len(client.get("/v1/schedules", headers=bearer).json()["items"]) == 1


def test_field_or_parameter_without_effect_is_refused(client: httpx2.Client) -> None:
    run = enqueued(client)["id"]
    wrong = [
        (client.post("/v1/schedules:plan", json={"nope": 1}), "body.nope"),
        (client.post("/v1/schedules:plan", json={"days": -1}), "body.days"),
        (client.post("/v1/schedules/x:resume", json={"reason": "r"}), "body.reason"),
        (client.request("DELETE", "/v1/tokens/x", json={"dry_run": True}), "body.dry_run"),
        (client.request("DELETE", "/v1/schedules/x", json=[1]), "body must be empty"),
        (client.get("/v1/runs?limit=1&limit=2"), "query.limit"),
        (client.post("/v1/runs", json={"text": GREET, "iterations": True}), "body.iterations"),
        (client.post(f"/v1/runs/{run}:fork", json={"number": "1"}), "body.number"),
    ]
    said = [(answer.status_code, name in answer.json()["detail"], answer.text) for answer, name in wrong]
    assert [each for each in said if each[:2] != (422, True)] == []
    for answer in (client.post("/v1/schedules:plan", json={"days": 7}), client.post("/v1/schedules:plan", json={})):
        assert answer.status_code == 200, answer.text
    assert client.get("/v1/runs?status=queued&status=running").status_code == 200


def test_request_that_was_refused_can_be_mended_under_its_key(client: httpx2.Client) -> None:
    headers = {"Idempotency-Key": "k-3"}
    assert client.post("/v1/runs", json={"narrative": "absent"}, headers=headers).status_code == 404
    assert client.post("/v1/runs", json={"text": GREET, "rows": []}, headers=headers).status_code == 422
    assert client.post("/v1/runs", json={"text": GREET}, headers=headers).status_code == 202


def test_new_schedule_can_be_edited_by_the_etag_of_its_answer(client: httpx2.Client) -> None:
    schedule = {"text": GREET, "name": "s3", "crons": ["0 9 * * *"]}
    made = client.post("/v1/schedules", json=schedule)
    edit = {"headers": {"If-Match": made.headers["etag"]}, "json": {"crons": ["0 10 * * *"]}}
    assert [client.patch("/v1/schedules/s3", **edit).status_code for _ in range(2)] == [200, 412]
