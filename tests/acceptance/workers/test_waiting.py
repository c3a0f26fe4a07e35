"""Workers whose calls wait: clients of forked children, and a cancel while many calls are under way."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from botticelli.testing.providers import FakeProvider
from tests.acceptance.providers.test_models import MODELS, point_at
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.servers.holding import Holding
from tests.support.waiting import wait_until

CHILDREN = 4
PREFORK = ("--pool", "prefork", "--concurrency", str(CHILDREN))
KEPT_SECONDS = 4
"""A connection is used again at least until then; a little later the clients close it."""
WIRES: tuple[Any, ...] = tuple(MODELS)


def enqueue(house: House, text: str) -> str:
    house.write("n.toml", text)
    code, lines = house.json_lines("run", "n.toml", "--detach", "--json")
    assert code == 0, lines
    return str(lines[-1]["run_id"])


def test_forked_children_have_clients_of_their_own_and_keep_them(house: House) -> None:
    rounds = 6
    acts = "\n".join(f'[acts.{wire}]\nprompt = "Say hello."\nmodel = "{MODELS[wire]}"' for wire in WIRES)
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeProvider(wire, latency_seconds=0.3)) for wire in WIRES]
        for server in servers:
            point_at(house, server, {})
        worker = house.worker(*PREFORK)
        assert f"concurrency: {CHILDREN} (prefork)" in worker.text()
        run_id = enqueue(house, narrative_text(rounds * CHILDREN, "", concurrency=CHILDREN).replace("[acts]\n", acts))
        with house.client() as client:
            assert client.wait(run_id, timeout_seconds=240).successful_iterations == rounds * CHILDREN
        for server in servers:
            assert server.statuses() == [200] * rounds * CHILDREN
            assert len({call.port for call in server.received}) >= 2
            assert at_once(server) <= CHILDREN, "one for each child, and another in its place after a pause of seconds"
        assert worker.stop() == 0


def at_once(server: FakeProvider) -> int:
    """How many connections were opened, but for those in the place of an earlier one that had long been idle."""
    uses: dict[int, list[float]] = {}
    for call in server.received:
        uses.setdefault(call.port, []).append(call.at)
    last_uses: list[float] = []
    for begun, ended in sorted((min(moments), max(moments)) for moments in uses.values()):
        given_up = [last_use for last_use in last_uses if last_use + KEPT_SECONDS <= begun]
        if given_up:
            last_uses.remove(given_up[0])
        last_uses.append(ended)
    return len(last_uses)


def test_after_a_cancel_no_further_call_is_made_though_fifty_wait(house: House) -> None:
    waiting = 50
    with Holding("openai") as server:
        server.hold()
        point_at(house, server, {})
        house.worker("--concurrency", str(waiting))
        run_id = enqueue(house, narrative_text(500, 'one = "Say hello."\ntwo = "And again."', concurrency=waiting))
        wait_until(lambda: len(server.received) == waiting, "all calls to wait")
        assert house.run("runs", "cancel", run_id).returncode == 0
        server.let_go()
        with house.client() as client:
            result = client.wait(run_id, timeout_seconds=240)
        assert (result.successful_iterations, len(server.received)) == (0, waiting)
        assert result.status == "cancelled"
