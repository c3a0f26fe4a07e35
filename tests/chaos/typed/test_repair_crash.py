"""A worker that is killed around the repair of a typed answer: the answer that was paid first is not paid again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from botticelli.telemetry.failpoints import Point
from botticelli.testing.providers import FakeProvider, RawAnswer
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

LEASE_SECONDS = "3"
NARRATIVE = """
[narrative]
name = "typed"
model = "openai/gpt-4.1"
[acts.judge]
prompt = "Judge."
schema = {type = "object", required = ["score"], properties = {score = {type = "integer", maximum = 5}}}
"""


class Judge:
    """Answers with a score that is too high, and a request for a repair with a fitting one; arms a point at the first."""

    def __init__(self, folder: Path, point: Point) -> None:
        self._folder, self._point = folder, point
        self.calls: list[str] = []

    def choose(self, body: dict[str, Any], path: str) -> RawAnswer:
        is_repair = len(body["messages"]) > 1
        self.calls.append("repair" if is_repair else "first")
        if is_repair == (self._point == "model_answered") and self.calls.count(self.calls[-1]) == 1:
            (self._folder / self._point).touch()
        message = {"role": "assistant", "content": json.dumps({"score": 4 if is_repair else 9})}
        usage = {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return RawAnswer(json.dumps({"choices": [choice], "usage": usage}).encode())


@pytest.mark.parametrize(
    ("point", "calls"),
    [("act_recorded", ["first", "repair"]), ("model_answered", ["first", "repair", "repair"])],
)
def test_worker_killed_around_a_repair_pays_the_first_answer_once(house: House, point: Point, calls: list[str]) -> None:
    folder = house.folder / "points"
    folder.mkdir()
    judge = Judge(folder, point)
    with FakeProvider("openai", choose=judge.choose) as server:
        house.settings |= {
            "BOTTICELLI_FAILPOINTS": str(folder),
            "BOTTICELLI_WORKER__LEASE_SECONDS": LEASE_SECONDS,
            "BOTTICELLI_DRIVERS__OPENAI__BASE_URL": server.url,
            "BOTTICELLI_PROVIDERS__OPENAI": json.dumps({"default_tier": "t", "tiers": {"t": {"rpm": 1000}}}),
            "OPENAI_API_KEY": "sk-none",
        }
        house.write("n.toml", NARRATIVE)
        worker = house.worker()
        run_id = house.run("run", "n.toml", "--detach").stdout.strip()
        wait_until((folder / f"{point}.reached").exists, f"the worker to come to {point}")
        worker.kill()
        house.worker()
        with house.client() as client:
            result = client.wait(run_id, timeout_seconds=120)
        run = house.json("runs", "show", run_id, "--json")
    (act,) = run["iterations"][0]["acts"]
    assert judge.calls == calls
    assert (result.status, act["status"], act["repairs"], json.loads(act["output"])) == (
        "completed",
        "done",
        1,
        {"score": 4},
    )
    assert run["ledger"]["requests"] == len(calls) and run["ledger"]["repairs"] == calls.count("repair")
    assert run["ledger"]["unknown_requests"] == len(calls) - 2
    assert (act["input_tokens"], act["output_tokens"]) == (400, 40) == (result.input_tokens, result.output_tokens)
