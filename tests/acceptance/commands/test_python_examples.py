"""The examples of the Python reference do what they say, in order, against a real worker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from botticelli import client as api
from botticelli.client import Client
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "python.md"
EXAMPLE = re.compile(r"^#+ (\w+)$|^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HELLO = """
[narrative]
name = "hello"
[narrative.variables]
who = "somebody"
[acts]
greet = "Say hello to {var.who}."
"""
DIGEST = """
[narrative]
name = "digest"
[narrative.variables]
topic = "tides"
[narrative.carousel]
iterations = 2
[acts]
draft = "Write of {var.topic}."
review = "Mend {act.draft.output}"
"""
POST = """
[narrative]
name = "post"
[[acts.send.input]]
type = "bot_command"
command = "messages.send"
args = { channel_id = "1", content = "hello" }
"""


def examples() -> list[tuple[str, str]]:
    """The examples of the page, each with the heading that it stands under."""
    heading, collected = "", []
    for word, code in EXAMPLE.findall(PAGE.read_text(encoding="utf-8")):
        heading = word or heading
        if code:
            collected.append((heading, code))
    return collected


def run_for(client: Client, heading: str) -> str:
    """A run as the example of this heading needs it."""
    if heading in ("effects", "approve", "reject"):
        run_id = client.enqueue("post").id
        wait_until(lambda: client.status(run_id) == "paused", "the approval to be requested")
        return run_id
    run_id = client.enqueue("digest").id
    client.wait(run_id, 120)
    if heading == "resume":
        run_id = client.fork(run_id, number=1).id
        client.cancel(run_id)
        client.wait(run_id, 120)
    return run_id


def test_each_example_of_the_page_runs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.settings["BOTTICELLI_SECURITY__REQUIRE_CONFIRMATION"] = "true"
    for name, text in {"hello": HELLO, "digest": DIGEST, "post": POST}.items():
        house.write(f"narratives/{name}.toml", text)
    house.worker()
    monkeypatch.chdir(house.folder)
    for name, value in house.environ.items():
        monkeypatch.setenv(name, value)
    headings = []
    with Client() as client:
        for heading, code in examples():
            names: dict[str, Any] = {name: getattr(api, name) for name in api.__all__}
            names |= {"client": client, "run_id": run_for(client, heading)}
            exec(compile(code, f"{PAGE.name}: {heading}", "exec"), names)
            check(client, heading, names)
            headings.append(heading)
    assert {"Client", "enqueue", "fork", "watch", "approve", "EnqueueOptions", "RunHandle", "create_schedule"} <= {
        *headings
    }


def check(client: Client, heading: str, names: dict[str, Any]) -> None:
    """Assert what the example under this heading has brought about."""
    run_id = names["run_id"]
    match heading:
        case "approve" | "reject":
            (effect,) = client.effects(run_id)
            assert effect.status in (("rejected",) if heading == "reject" else ("approved", "intended", "done"))
        case "enqueue":
            assert client.wait(names["run"].id, 120).successful_iterations == 3
        case "fork":
            assert client.result(names["fork"].id).status == "completed"
        case "resume":
            assert client.wait(run_id, 120).status == "completed"
        case "pause_budget" | "resume_budget":
            assert client.diagnose(run_id).cause == "ended"
        case "EnqueueOptions":
            wait_until(lambda: len(client.runs(api.RunFilter(tag="nightly"))) >= 3, "the nightly runs")
