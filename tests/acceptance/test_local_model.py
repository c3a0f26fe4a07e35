"""The model on this machine, as a user meets it: no key, no server, real words with real token counts in the ledger."""

from __future__ import annotations

from decimal import Decimal

from tests.support.narratives import narrative_text
from tests.support.processes import House

ACT = '[acts.greet]\nprompt = "Write one friendly sentence about the sea."\nmodel = "local/smollm2"\nmax_tokens = 24'


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
