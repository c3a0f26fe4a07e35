"""The model on this machine, as a user meets it: no key, no server, real words with real token counts in the ledger."""

from __future__ import annotations

import os
import signal
from decimal import Decimal

from botticelli import services
from botticelli.services.paths import Paths
from tests.support.narratives import narrative_text
from tests.support.processes import House
from tests.support.waiting import wait_until

ACT = '[acts.greet]\nprompt = "Write one friendly sentence about the sea."\nmodel = "local/smollm2"\nmax_tokens = 24'


def model_of(house: House) -> services.ServiceStatus:
    return next(one for one in services.status(house.home) if one.name == "model")


def test_a_run_with_the_small_model_writes_real_words(house: House) -> None:
    house.write("n.toml", narrative_text(1, "").replace("[acts]\n", ACT))
    code, lines = house.json_lines("run", "n.toml", "--json", timeout_seconds=240)
    assert code == 0, lines
    run = house.json("runs", "show", lines[-1]["run_id"], "--json")
    (act,) = run["iterations"][0]["acts"]
    assert len(act["output"].split()) >= 3
    assert act["input_tokens"] >= 20
    assert 1 <= act["output_tokens"] <= 24
    assert Decimal(act["cost_usd"]) == 0


def test_a_killed_worker_leaves_its_model_to_the_next_one_and_to_nobody_else(house: House) -> None:
    """SIGKILL in the midst of calls, for the model's keeper as well: the next worker goes on with the model that runs.
    When that one is killed too, nobody is left, and the model ends."""
    house.settings["BOTTICELLI_WORKER__LEASE_SECONDS"] = "2"
    house.write("n.toml", narrative_text(6, "", concurrency=2).replace("[acts]\n", ACT))
    first = house.worker()
    run_id = house.run("run", "n.toml", "--detach").stdout.strip()
    with house.client() as client:
        wait_until(lambda: client.result(run_id).successful_iterations, "the first answer", 120)
        model = model_of(house)
        os.kill(int(Paths(house.home, "model").keeper.read_text()), signal.SIGKILL)
        first.kill()
        second = house.worker()
        assert client.wait(run_id, timeout_seconds=200).successful_iterations == 6
        assert house.run("run", "n.toml", "--iterations", "1", "--no-worker").returncode == 0
        assert (model_of(house).state, model_of(house).pid) == ("running", model.pid)
        second.kill()
        wait_until(lambda: model_of(house).state == "stopped", "the model to end", 60)
