"""`botticelli run` as a person uses it: nothing is running before, nothing is left behind."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.fleet.gate import with_gate
from tests.support.fleet.processes import BIN, House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

FINISHED_KEYS = {
    "event",
    "run_id",
    "status",
    "iterations_attempted",
    "successful_iterations",
    "failed_iterations",
    "completed",
    "budget_exhausted",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "duration_seconds",
}


def limits(period_seconds: int, limit: int = 5000, metric: str = "tokens") -> str:
    window = f'{{metric = "{metric}", limit = {limit}, period_seconds = {period_seconds}, kind = "sliding"}}'
    return f'[providers.echo]\ndefault_tier = "small"\n[providers.echo.tiers.small]\nwindows = [{window}]\n'


def test_a_run_ends_with_its_result_as_the_last_json_line(house: House) -> None:
    house.write("n.toml", narrative_text(4, estimated_tokens_per_iteration=1000))
    code, lines = house.json_lines("run", "n.toml", "--json")
    assert code == 0
    assert lines[-1].keys() >= FINISHED_KEYS
    assert lines[-1]["event"] == "run_finished"
    assert (lines[-1]["status"], lines[-1]["completed"]) == ("completed", True)
    assert lines[-1]["input_tokens"] + lines[-1]["output_tokens"] == 4000
    assert [line["number"] for line in lines if line["event"] == "iteration_finished"] == [1, 2, 3, 4]
    shown = house.json("runs", "show", lines[-1]["run_id"][:8], "--json")
    assert shown["result"]["successful_iterations"] == 4
    assert [len(iteration["acts"]) for iteration in shown["iterations"]] == [1, 1, 1, 1]


def test_an_exhausted_budget_is_exit_code_3(house: House) -> None:
    house.write("botticelli.toml", limits(60))
    house.write("n.toml", narrative_text(50, estimated_tokens_per_iteration=1000))
    code, lines = house.json_lines("run", "n.toml", "--json")
    assert code == 3
    assert (lines[-1]["status"], lines[-1]["budget_exhausted"]) == ("budget_exhausted", True)
    assert (lines[-1]["iterations_attempted"], lines[-1]["successful_iterations"]) == (5, 5)


@pytest.mark.parametrize(
    ("name", "iterations"),
    [
        ("examples/daily_digest", 50),
        ("examples/generate_critique_refine", 1),
        ("examples/content_review", 1),
        ("examples/judged_tips", 1),
        ("discord/publish_welcome", 1),
        ("discord/welcome_carousel", 24),
    ],
)
def test_the_shipped_narratives_run_by_name(house: House, name: str, iterations: int) -> None:
    house.settings["TEST_GUILD_ID"] = "42"
    code, lines = house.json_lines("run", name, "--json")
    assert (code, lines[-1]["successful_iterations"]) == (0, iterations)
    shown = house.json("runs", "show", "latest", "--json")
    assert all(
        act["status"] in ("done", "skipped", "rejected")
        for iteration in shown["iterations"]
        for act in iteration["acts"]
    )


def test_a_second_run_reuses_the_channel_that_the_first_created(house: House) -> None:
    house.settings["TEST_GUILD_ID"] = "42"
    for expected in ("done", "skipped"):
        assert house.run("run", "discord/publish_welcome").returncode == 0
        acts = house.json("runs", "show", "latest", "--json")["iterations"][0]["acts"]
        assert acts[0]["name"] == "setup_channel"
        assert acts[0]["status"] == expected


def test_a_failure_is_exit_code_1(house: House) -> None:
    house.settings["BOTTICELLI_DRIVERS__ECHO__ERRORS"] = '["ok", "400"]'
    house.write("n.toml", narrative_text(3))
    done = house.run("run", "n.toml")
    assert done.returncode == 1
    assert "iteration 2" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[narrative]\nname = "x"\nmodle = "y"\n[acts]\na = "b"\n', "n.toml:3:1"),
        ("[narrative\n", "n.toml:1"),
        (narrative_text(1, 'a = "{act.b.output}"'), "b"),
        ('[narrative]\nname = "x"\nmodel = "nobody/m"\n[acts]\na = "b"\n', "nobody"),
    ],
)
def test_a_broken_narrative_is_exit_code_2_and_starts_no_run(house: House, text: str, said: str) -> None:
    house.write("n.toml", text)
    done = house.run("run", "n.toml")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert house.json("runs", "--json") == []


def test_a_wrong_setting_is_exit_code_2(house: House) -> None:
    house.write("botticelli.toml", "[worker]\nthreds = 4\n")
    house.write("n.toml", narrative_text(1))
    done = house.run("run", "n.toml")
    assert done.returncode == 2
    assert "botticelli.toml:2" in done.stderr and "threads" in done.stderr


def test_sigint_pauses_and_resume_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = with_gate(house, answered="say [12]")
    monkeypatch.syspath_prepend(house.folder)
    house.write("n.toml", narrative_text(30, 'one = "say {iteration}"'))
    running = house.start(str(BIN / "botticelli"), "run", "n.toml", "--json")
    wait_until(lambda: "say 3" in gate.begun(), "the third call")
    running.popen.send_signal(signal.SIGINT)
    with house.client() as client:
        wait_until(lambda: client.runs()[0].status == "paused", "the pause")
    gate.open()
    assert running.popen.wait(240) == 4
    run = house.json("runs", "--json")[0]
    assert (run["status"], len(gate.begun())) == ("paused", 3)
    assert f"botticelli runs resume {run['id'][:8]}" in running.text()
    house.worker()
    assert house.run("runs", "resume", "latest").returncode == 0
    code, lines = house.json_lines("runs", "watch", "latest", "--json")
    assert (code, lines[-1]["successful_iterations"]) == (0, 30)


def test_detach_says_the_id_and_a_worker_takes_it_up_later(house: House) -> None:
    house.write("n.toml", narrative_text(3))
    done = house.run("run", "n.toml", "--detach")
    assert done.returncode == 0
    run_id = done.stdout.strip()
    house.worker()
    code, lines = house.json_lines("runs", "watch", run_id, "--json")
    assert (code, lines[-1]["run_id"], lines[-1]["completed"]) == (0, run_id, True)


def test_a_worker_of_the_command_that_is_killed_is_replaced(house: House) -> None:
    house.settings |= {"BOTTICELLI_WORKER__LEASE_SECONDS": "3", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
    gate = with_gate(house, answered="say [12]")
    house.write("n.toml", narrative_text(8, 'one = "say {iteration}"'))
    running = house.start(str(BIN / "botticelli"), "run", "n.toml", "--json")
    wait_until(lambda: "say 3" in gate.begun(), "the third call")
    kill_worker_of(house)
    gate.open()
    assert running.popen.wait(240) == 0
    run = house.json("runs", "show", "latest", "--json")
    assert run["result"]["successful_iterations"] == 8


def kill_worker_of(house: House) -> None:
    with house.client() as client:
        run = client.runs()[0]
        with client._runtime.store.transaction() as tx:
            workers = {
                iteration.worker
                for iteration in tx.iterations.of_run(run.id)
                if iteration.worker and iteration.status == "running"
            }
    for worker in workers:
        os.kill(int(worker.rsplit(":", 1)[1]), signal.SIGKILL)
