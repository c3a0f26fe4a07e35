"""A model whose key is not here: refused where the worker would be of this machine, else told who has it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.cli.base.context import Invocation
from botticelli.cli.system.doctor_checks import CHECKS
from botticelli.errors import InvalidInput
from botticelli.runtime.heartbeats import announce, depart, fleet, heartbeat_key, report_key
from botticelli.runtime.process import Runtime
from tests.support.narratives import loaded, narrative_text

MakeRuntime = Callable[..., Runtime]
KEYLESS = 'one = { prompt = "Say hello", model = "gemini/gemini-3.8-flash" }'
HERE = socket.gethostname()


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def worker(runtime: Runtime, name: str, *, has_key: bool, **said: object) -> None:
    prefix = runtime.settings.redis.prefix
    facts = {"demands": "d", "limits": "l", "ready": {"gemini": has_key}} | said
    runtime.redis.set(heartbeat_key(prefix, name), "")
    runtime.redis.set(report_key(prefix, name), json.dumps(facts))


def notes(runtime: Runtime, *, worker_here: bool = False, acts: str = KEYLESS) -> str:
    options = EnqueueRequest(worker_here=worker_here)
    return "\n".join(enqueue(runtime, loaded(narrative_text(1, acts)), "test.toml", options).warnings)


def test_run_without_a_key_is_refused_where_this_machine_would_perform_it(runtime: Runtime) -> None:
    with pytest.raises(InvalidInput, match=r"gemini: .*GEMINI_API_KEY.* is not set here, and no worker has it; set it"):
        notes(runtime, worker_here=True)
    worker(runtime, f"{HERE}:1", has_key=False)
    with pytest.raises(InvalidInput, match="no worker has it"):
        notes(runtime)
    with runtime.store.transaction() as tx:
        assert tx.runs.recent() == []


@pytest.mark.parametrize(
    ("workers", "says"),
    [
        ({}, "workers need it"),
        ({"far:1": True, "far:2": False}, "workers that have it: far:1"),
        ({f"{HERE}:1": True}, f"workers that have it: {HERE}:1"),
        ({"far:1": False}, "none of the workers that are alive says that it has it: far:1"),
    ],
)
def test_run_without_a_key_names_the_workers_that_have_it(
    runtime: Runtime, workers: dict[str, bool], says: str
) -> None:
    for name, has_key in workers.items():
        worker(runtime, name, has_key=has_key)
    assert says in notes(runtime)


def test_another_model_that_is_ready_is_good_enough(runtime: Runtime) -> None:
    acts = 'one = { prompt = "Say hello", model = ["gemini/gemini-3.8-flash", "echo/echo"] }'
    assert "is not set here" in notes(runtime, worker_here=True, acts=acts)


def test_model_with_its_key_needs_no_word(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    assert "is not set" not in notes(runtime, worker_here=True)


def test_worker_says_what_it_has_and_takes_it_back(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "hunter2")
    announce(runtime)
    [facts] = fleet(runtime)
    assert (facts.ready["gemini"], facts.ready["echo"], facts.host) == (True, True, HERE)
    stored = runtime.redis.get(report_key(runtime.settings.redis.prefix, facts.worker))
    assert isinstance(stored, bytes)
    assert b"hunter2" not in stored
    depart(runtime)
    assert fleet(runtime) == []


@pytest.mark.parametrize("facts", ["", "[]", "nonsense", "{"])
def test_facts_that_cannot_be_read_are_none(runtime: Runtime, facts: str) -> None:
    prefix = runtime.settings.redis.prefix
    runtime.redis.set(heartbeat_key(prefix, "old:1"), "")
    runtime.redis.set(report_key(prefix, "old:1"), facts)
    assert [(worker.worker, worker.demands, worker.ready) for worker in fleet(runtime)] == [("old:1", None, {})]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"security__require_confirmation": "true"}, ["[security], [tables] or [budgets] differ"]),
        ({"budgets__tenants__a__rpm": "1"}, ["[security], [tables] or [budgets] differ"]),
        (
            {"providers__echo__default_tier": "a", "providers__echo__tiers__a__rpm": "1"},
            ["limits or prices of models differ"],
        ),
        ({}, []),
    ],
)
def test_doctor_shows_workers_with_other_settings(
    make_runtime: MakeRuntime, flags: dict[str, str], says: list[str]
) -> None:
    announce(make_runtime(**flags))
    invocation = Invocation(None, {})
    invocation.__dict__["runtime"] = make_runtime()
    warned = [finding.detail for finding in CHECKS["workers"](invocation) if finding.state == "warn"]
    assert [part in what for part, what in zip(says, warned, strict=True)] == [True] * len(says)
