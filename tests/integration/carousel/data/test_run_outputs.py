"""The outputs of a run, as a program reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from botticelli.client import Client
from botticelli.errors import NotFound
from botticelli.monitoring import run_outputs
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]
TWO_ACTS = 'first = "Say one of {iteration}"\nsecond = "Say two of {iteration}"'


@pytest.fixture
def client_of() -> Iterator[Callable[[Runtime], Client]]:
    made: list[Client] = []

    def client(runtime: Runtime) -> Client:
        made.append(Client(runtime.settings))
        return made[-1]

    yield client
    for item in made:
        item.close()


def test_outputs_are_those_of_the_last_act_in_order(runtime: Runtime, client_of: Callable[[Runtime], Client]) -> None:
    run_id = perform_all(runtime, start(runtime, narrative_text(3, TWO_ACTS)).id).id
    run = client_of(runtime).get(run_id)
    outputs = list(run.outputs())
    assert len(outputs) == 3
    assert all(f"two of {number}" in output for number, output in enumerate(outputs, 1))
    assert ["one of 2" in output for output in run.outputs("first")] == [False, True, False]
    assert list(run.outputs("nobody")) == []


def test_pages_of_a_large_run_bring_each_iteration_once(
    runtime: Runtime, client_of: Callable[[Runtime], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_outputs.Iterations._page, "__defaults__", (2,))
    run_id = perform_all(runtime, start(runtime, narrative_text(5)).id).id
    result = client_of(runtime).result(run_id)
    assert [iteration.number for iteration in result.iterations] == [1, 2, 3, 4, 5]
    assert [iteration.number for iteration in result.iterations] == [1, 2, 3, 4, 5]
    assert result.iterations.get(4).number == 4
    with pytest.raises(NotFound, match="has no iteration 6"):
        result.iterations.get(6)


def test_failed_iteration_has_its_error_and_no_output(
    make_runtime: MakeRuntime, client_of: Callable[[Runtime], Client]
) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    run_id = perform_all(runtime, start(runtime, narrative_text(3, continue_on_error=True)).id).id
    result = client_of(runtime).wait(run_id, 60)
    assert [iteration.status for iteration in result.iterations] == ["succeeded", "failed", "succeeded"]
    failed = result.iterations.get(2)
    assert "400" in (failed.error or "")
    assert (failed.output, failed.acts[0].status) == (None, "failed")
    act = result.iterations.get(1).acts[0]
    assert (act.name, act.turn, act.model, act.output_tokens > 0) == ("one", 1, "echo/echo", True)
    assert len(list(client_of(runtime).outputs(run_id))) == 2
    assert asdict(result)["failed_iterations"] == 1
