"""Requests over the wire that can't be performed: a failed run that says why, under the id that the asker looks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from botticelli.carousel import Fork, fork
from botticelli.errors import InvalidInput
from botticelli.messages import WIRE_VERSION, run_id_for
from botticelli.runtime.process import Runtime
from botticelli.store import Run
from tests.support.narratives import narrative_text, run_of, start
from workers import handlers
from workers.handlers import store_request
from workers.process.failed_tasks import TaskFailed

MakeRuntime = Callable[..., Runtime]


def requested(runtime: Runtime, **arguments: Any) -> Run:
    store_request(runtime, WIRE_VERSION, "one", {"text": narrative_text(1), **arguments})
    return run_of(runtime, run_id_for("task one"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"iterations": 2**63}, "iterations must be from 1"),
        ({"iterations": True}, "iterations must be a whole number"),
        ({"iterations": -1}, "iterations must be from 1"),
        ({"iterations": 10**9}, "max_iterations is 1,000,000"),
        ({"iterations": 2**53}, "iterations must be from 1"),
        ({"tags": ["a\0b"]}, "NUL"),
        ({"name": "a\0b"}, "NUL"),
        ({"variables": {"x": "\ud800"}}, "surrogate"),
        ({"text": None, "narrative": "a\0b"}, "NUL"),
        ({"text": None, "narrative": "x" * 100_000}, "characters"),
        ({"run_id": "\0"}, "NUL"),
        ({"run_id": ""}, "run_id is empty"),
        ({"idempotency_key": "\ud800"}, "surrogate"),
        ({"unknown\0": 1}, "unknown option"),
        ({"text": "\0"}, "NUL"),
        ({"text": "x = " + "[" * 100_000}, ""),
        ({"variables": {"no_such": "x"}}, "no variable 'no_such'"),
    ],
)
def test_bad_request_becomes_a_failed_run_that_says_why(runtime: Runtime, arguments: dict[str, Any], says: str) -> None:
    run = requested(runtime, **arguments)
    assert run.status == "failed"
    assert says in (run.reason or "")
    assert run.reason
    with runtime.store.transaction() as tx:
        assert tx.iterations.of_run(run.id) == []


def test_defect_while_a_request_is_read_becomes_a_failed_run(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a value of the request")

    monkeypatch.setattr(handlers, "options_of_request", broken)
    run = requested(runtime)
    assert run.status == "failed"
    assert run.reason == "the request can't be stored (KeyError); see the worker's log"


def test_refused_request_is_a_failed_task_that_quotes_nothing(runtime: Runtime) -> None:
    with pytest.raises(TaskFailed, match=r"^the request was refused; `botticelli runs` shows") as failed:
        handlers.store_message(runtime, WIRE_VERSION, "one", {"text": "the secret of the garden"})
    assert "secret" not in str(failed.value)
    assert run_of(runtime, run_id_for("task one")).status == "failed"
    handlers.store_message(runtime, WIRE_VERSION, "two", {"text": narrative_text(1)})
    assert run_of(runtime, run_id_for("task two")).iterations == 1


def test_cap_of_the_operator_holds_at_every_door(make_runtime: MakeRuntime) -> None:
    capped, lax = make_runtime(security__max_iterations="3"), make_runtime()
    with pytest.raises(InvalidInput, match=r"4 iterations are asked for, \[security\] max_iterations is 3"):
        start(capped, narrative_text(4))
    with pytest.raises(InvalidInput, match="max_iterations is 3"):
        start(capped, narrative_text(1), iterations=4)
    long = start(lax, narrative_text(4))
    with pytest.raises(InvalidInput, match="max_iterations is 3"):
        fork(capped, long.id, Fork(1))
    refused = requested(lax, iterations=4, demands={"security": {"max_iterations": 3}})
    assert (refused.status, "max_iterations is 3" in (refused.reason or "")) == ("failed", True)
    assert start(capped, narrative_text(3)).iterations == 3


@pytest.mark.parametrize("iterations", [0, -1, True, 1.5, "3"])
def test_enqueue_in_process_checks_as_the_wire_does(runtime: Runtime, iterations: Any) -> None:
    with pytest.raises(InvalidInput, match="iterations must be"):
        start(runtime, narrative_text(1), iterations=iterations)
