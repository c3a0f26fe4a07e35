"""Failures seen from outside: exit codes, the last lines of `botticelli run`, and the tasks of a real worker."""

from __future__ import annotations

import re

from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

SECRET = "The secret of the garden"


def test_run_with_failures_says_so_with_exit_code_and_causes(house: House) -> None:
    house.settings["BOTTICELLI_DRIVERS__ECHO__ERRORS"] = '["ok", "400", "400"]'
    house.write("n.toml", narrative_text(3, continue_on_error=True))
    done = house.run("run", "n.toml")
    assert done.returncode == 5, done.stderr
    assert "completed with failures: 3 of 3 iterations" in done.stdout + done.stderr
    assert "2 of 3 iterations failed: 2 x " in done.stdout + done.stderr
    assert "botticelli runs retry " in done.stdout + done.stderr
    assert "completed with failures" in house.run("runs").stdout
    assert house.run("runs", "watch", "latest").returncode == 5


def test_run_of_which_nothing_succeeded_ends_with_exit_code_1(house: House) -> None:
    house.settings["BOTTICELLI_DRIVERS__ECHO__ERROR_RATE"] = "1"
    house.write("n.toml", narrative_text(2, continue_on_error=True, retries=0))
    code, lines = house.json_lines("run", "n.toml", "--json")
    finished = next(line for line in lines if line["event"] == "run_finished")
    assert (code, finished["status"], finished["completed"]) == (1, "failed", False)
    assert finished["reason"].startswith("2 of 2 iterations failed: 2 x ")


def test_failed_iteration_is_a_failed_task_of_celery_and_no_traceback_is_logged(house: House) -> None:
    house.settings["BOTTICELLI_DRIVERS__ECHO__ERRORS"] = '["400"]'
    house.write("n.toml", narrative_text(2, f'say = "{SECRET}"', continue_on_error=True))
    worker = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        assert client.wait(run_id, 240).failed_iterations == 1
    wait_until(lambda: "succeeded in" in worker.text(), "the second task to end")
    assert len(re.findall(r"Task botticelli\.run_iteration\[\S+\] raised expected: ", worker.text())) == 1
    assert "iteration 1 failed: " in worker.text()
    assert worker.stop() == 0
    assert "Traceback" not in worker.text()
    assert SECRET not in worker.text()
