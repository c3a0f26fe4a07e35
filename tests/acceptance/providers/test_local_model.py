"""The model on this machine, as a user meets it: no key, no server, real words with real token counts in the ledger."""

from __future__ import annotations

import os
import signal
from decimal import Decimal

from botticelli import services
from botticelli.services.files.paths import Paths
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.waiting import wait_until

ACT = '[acts.greet]\nprompt = "Write one friendly sentence about the sea."\nmodel = "local/smollm2"\nmax_tokens = 24'


def model_of(house: House) -> services.ServiceStatus:
    return next(service for service in services.status(house.home) if service.name == "model")


def running_model_of(house: House) -> int | None:
    """Its process, when it answers: a busy one may not."""
    model = model_of(house)
    return model.pid if model.state == "running" else None


def test_a_run_with_the_small_model_writes_real_words(house: House) -> None:
    house.write("n.toml", narrative_text(1, "").replace("[acts]\n", ACT))
    code, lines = house.json_lines("run", "n.toml", "--json", timeout_seconds=400)
    assert code == 0, lines
    run = house.json("runs", "show", lines[-1]["run_id"], "--json")
    (act,) = run["iterations"][0]["acts"]
    assert len(act["output"].split()) >= 3
    assert act["input_tokens"] >= 20
    assert 1 <= act["output_tokens"] <= 24
    assert Decimal(act["cost_usd"]) == 0


def test_a_killed_worker_leaves_its_model_to_the_next_one_and_to_nobody_else(house: House) -> None:
    """SIGKILL in the midst of calls, for the model's keeper as well.

    SIGKILL in the midst of calls, for the model's keeper as well: the next worker goes on with the model that runs.
    When that one is killed too, nobody is left, and the model ends.
    """
    house.settings |= {"BOTTICELLI_WORKER__LEASE_SECONDS": "2", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
    house.write("n.toml", narrative_text(6, "", concurrency=2).replace("[acts]\n", ACT))
    first = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        wait_until(lambda: client.result(run_id).successful_iterations, "the first answer", 240)
        model = wait_until(lambda: running_model_of(house), "a model that answers")
        os.kill(int(Paths(house.home, "model").keeper.read_text()), signal.SIGKILL)
        first.kill()
        second = house.worker()
        assert client.wait(run_id, timeout_seconds=240).successful_iterations == 6
        assert house.run("run", "n.toml", "--iterations", "1", "--no-worker").returncode == 0
        assert wait_until(lambda: running_model_of(house), "a model that answers") == model
        second.kill()
        wait_until(lambda: model_of(house).state == "stopped", "the model to end")
