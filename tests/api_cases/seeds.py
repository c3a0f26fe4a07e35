"""Fills an empty installation, so that requests meet runs, rows, effects and schedules that exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.support.waiting import wait_until

SETTINGS = """
[narratives]
path = ["narratives"]
[security]
require_confirmation = ["messages.send"]
[platforms.discord]
implementation = "echo"
[webhooks.seed]
verify = "github"
secret_env = "SEED_SECRET"
narrative = "seed"
[[notify]]
name = "seed"
on = ["run.failed"]
url = "https://hooks.invalid/seed"
secret_envs = ["SEED_NOTIFY_SECRET"]
"""
NARRATIVE = '''
[narrative]
name = "seed"
target = "ideas"
[acts.draft]
model = "echo/echo"
format = "json"
extract_output = true
prompt = """
Answer as JSON:
```json
[{"title": "A title", "pitch": "A pitch."}]
```
"""
[acts.post]
[[acts.post.input]]
type = "bot_command"
platform = "discord"
command = "messages.send"
args = { channel_id = "112233445566778899", content = "{act.draft.output}" }
'''
QUIET = subprocess.DEVNULL
START_SECONDS = 300.0


def write_seeds(folder: Path) -> None:
    """Write the settings and the narrative of the installation."""
    (folder / "narratives").mkdir()
    (folder / "botticelli.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "narratives" / "seed.toml").write_text(NARRATIVE, encoding="utf-8")


def sow(client: httpx2.Client, folder: Path, environ: dict[str, str]) -> dict[str, list[str]]:
    """Make what requests can name, with a worker that ends again. Returns values by parameter of a path."""
    await_servers(client)
    rows = [{"id": str(number)} for number in range(3)]
    run = _posted(client, "/v1/runs", {"narrative": "seed", "rows": rows, "row_key": "id", "tags": ["seed"]})["run"][
        "id"
    ]
    other = _posted(client, "/v1/runs", {"narrative": "seed", "rehearse": True})["run"]["id"]
    _posted(client, "/v1/schedules", {"narrative": "seed", "name": "seed", "crons": ["0 9 * * 1"]})
    client.put("/v1/state/global.seed", json={"value": 1}).raise_for_status()
    worker = str(Path(sys.executable).with_name("celery"))
    command = [worker, "-A", "botticelli", "worker", "--loglevel", "error"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **environ}, stdout=QUIET, stderr=QUIET) as process:
        try:
            effects = _some(client, "/v1/effects?status=waiting")
            content = _some(client, "/v1/content/ideas?status=rehearsed")
        finally:
            process.terminate()
    return {
        "run_id": [run, other],
        "key": [*(effect["key"] for effect in effects), "global.seed"],
        "table": ["ideas"],
        "row_id": [str(row["id"]) for row in content],
        "scope": ["echo/echo@default", f"run:{run}"],
        "name": ["seed"],
    }


def await_servers(client: httpx2.Client) -> None:
    """Wait until Postgres and Redis answer."""
    wait_until(lambda: client.get("/readyz").is_success, "Postgres and Redis", START_SECONDS)


def _posted(client: httpx2.Client, path: str, body: Any) -> Any:
    answer = client.post(path, json=body)
    if answer.is_error:
        raise SystemExit(f"{path}: {answer.text}")
    return answer.json()


def _some(client: httpx2.Client, path: str) -> list[dict[str, Any]]:
    """Return the items of a list as soon as it has some."""

    def items() -> list[dict[str, Any]]:
        answer = client.get(path)
        return list(answer.json()["items"]) if answer.is_success else []

    return wait_until(items, f"something at {path}", START_SECONDS)
