"""Tests what the HTTP door answers while Postgres or Redis is away: 503 with a time, and everything else stays up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
from tests.support.fleet.ports import refusing
from tests.support.servers.http_door import served


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of a door whose servers refuse connections."""
    with refusing() as redis_port, refusing() as postgres_port:
        environ = {
            "BOTTICELLI_HOME": str(tmp_path),
            "BOTTICELLI_REDIS_URL": f"redis://:secret@127.0.0.1:{redis_port}/0",
            "BOTTICELLI_DATABASE_URL": f"postgresql://ada:secret@127.0.0.1:{postgres_port}/runs",
        }
        runtime = Runtime(load_settings({}, environ=environ, cwd=tmp_path))
        with served(runtime) as client:
            yield client
        runtime.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/readyz"),
        ("GET", "/v1/runs"),
        ("POST", "/v1/runs"),
        ("GET", "/v1/runs/r/events"),
        ("GET", "/v1/budget"),
    ],
)
def test_server_that_is_away_is_503_with_a_time_and_no_secret(alone: httpx2.Client, method: str, path: str) -> None:
    answer = alone.request(method, path, json={"text": "x"} if method == "POST" else None)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Postgres" in answer.json()["detail"] and "secret" not in answer.text
    assert alone.get("/healthz").json() == {"status": "ok"}


def test_redis_that_is_away_is_named(runtime: Runtime, tmp_path: Path) -> None:
    database = runtime.database_url.replace("+psycopg2", "")
    with refusing() as port:
        flags = {"redis.url": f"redis://127.0.0.1:{port}/0", "database.url": database}
        without = Runtime(load_settings(flags, environ={}, cwd=tmp_path))
        with served(without) as client:
            answer = client.get("/readyz")
            assert answer.status_code == 503 and "Redis" in answer.json()["detail"]
            assert client.get("/v1/runs").json()["items"] == []
        without.close()
