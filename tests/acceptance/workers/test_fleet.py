"""Several workers and several enqueuers on one budget, and workers that are killed in the middle."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import Any

from tests.acceptance.commands.test_run import limits
from tests.support.fleet.gate import with_gate
from tests.support.fleet.processes import BIN, House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until


def most_tokens_in_any_interval(runs: list[dict[str, Any]], column: str, period_seconds: float) -> int:
    """Over all acts of all runs, by the Budget's own clock."""
    acts = [act for run in runs for iteration in run["iterations"] for act in iteration["acts"]]
    drawn = sorted(
        (datetime.fromisoformat(act[column]).timestamp(), act["input_tokens"] + act["output_tokens"]) for act in acts
    )
    return max(sum(tokens for at, tokens in drawn if start <= at < start + period_seconds) for start, _ in drawn)


def test_two_workers_and_three_enqueuers_share_one_budget(house: House) -> None:
    house.write("botticelli.toml", limits(2))
    text = narrative_text(10, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait", concurrency=3)
    house.write("n.toml", text)
    house.worker()
    house.worker()
    command = (str(BIN / "botticelli"), "run", "n.toml", "--json")
    enqueuers = [house.start(*command) for _ in range(3)]
    assert [process.popen.wait(240) for process in enqueuers] == [0, 0, 0]
    runs = [house.json("runs", "show", run["id"], "--json") for run in house.json("runs", "--json")]
    assert [run["result"]["successful_iterations"] for run in runs] == [10, 10, 10]
    for column in ("drawn_at", "settled_at"):
        assert most_tokens_in_any_interval(runs, column, 2) <= 5000


def test_waiting_for_a_window_never_passes_the_limit(house: House) -> None:
    period_seconds = 6
    house.write("botticelli.toml", limits(period_seconds))
    house.write("n.toml", narrative_text(12, estimated_tokens_per_iteration=1000, on_budget_exhausted="wait"))
    code, lines = house.json_lines("run", "n.toml", "--json")
    assert (code, lines[-1]["successful_iterations"]) == (0, 12)
    assert any(line["event"] == "run_waiting" for line in lines)
    run = house.json("runs", "show", lines[-1]["run_id"], "--json")
    assert most_tokens_in_any_interval([run], "drawn_at", period_seconds) <= 5000


def test_a_killed_worker_costs_no_iteration_and_doubles_none(house: House) -> None:
    gate = with_gate(house, answered=r"[ab] [1-4]|a [56]")
    acts = 'one = "a {iteration}"\ntwo = "b {iteration}"'
    house.write("n.toml", narrative_text(20, acts, estimated_tokens_per_iteration=100, concurrency=4))
    first = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        wait_until(lambda: {"b 5", "b 6", "a 7", "a 8"} <= set(gate.begun()), "four iterations after the first four")
        first.kill()
        gate.open()
        house.worker()
        result = client.wait(run_id, timeout_seconds=240)
    run = house.json("runs", "show", run_id, "--json")
    assert (result.status, result.successful_iterations, result.failed_iterations) == ("completed", 20, 0)
    assert [iteration["number"] for iteration in run["iterations"]] == list(range(1, 21))
    assert {iteration["status"] for iteration in run["iterations"]} == {"succeeded"}
    assert all([act["name"] for act in iteration["acts"]] == ["one", "two"] for iteration in run["iterations"])
    assert result.input_tokens + result.output_tokens == 2000
    assert run["ledger"]["input_tokens"] + run["ledger"]["output_tokens"] == 2000
    assert {iteration["number"] for iteration in run["iterations"] if iteration["attempt"] > 1} >= {5, 6, 7, 8}
    assert gate.begun().count("a 5") == gate.begun().count("a 6") == 1


def test_a_prefork_worker_performs_as_well(house: House) -> None:
    house.write("n.toml", narrative_text(6, concurrency=3))
    worker = house.worker("--pool", "prefork", "--concurrency", "2")
    assert "concurrency: 2 (prefork)" in worker.text()
    with house.client() as client:
        run_id = house.run("run", "n.toml", "--detach").stdout.strip()
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 6
    assert worker.stop() == 0


def test_sigterm_lets_a_worker_finish_what_it_holds(house: House) -> None:
    gate = with_gate(house)
    house.write("n.toml", narrative_text(2))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        wait_until(gate.begun, "the call")
        worker.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: "worker_ends" in worker.text(), "the worker to be ending")
        gate.open()
        assert worker.popen.wait(240) == 0
        with client._runtime.store.transaction() as tx:
            statuses = [iteration.status for iteration in tx.iterations.of_run(run_id)]
        assert statuses[0] == "succeeded" and set(statuses) <= {"succeeded", "queued"}
        house.worker()
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 2
