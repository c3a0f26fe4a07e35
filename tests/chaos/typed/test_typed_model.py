"""Many typed answers of a small real model: each fits or fails with a reason, one repair at most, none outside its ticket."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from botticelli.answer_schema.checking import misfits
from botticelli.carousel.plan.planned_calls import plan_of, shares
from botticelli.carousel.plan.snapshots import narrative_of
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow
from tests.chaos.fleet.invariants import held
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

ANSWERS = int(os.environ.get("ANSWERS") or 100)
MISFIT = "the answer does not fit its schema: $"
NARRATIVE = """
[narrative]
name = "typed"
model = "local/smollm2"
temperature = 0.7
max_tokens = 110

[narrative.carousel]
iterations = %d
concurrency = 4
continue_on_error = true

[acts.post]
prompt = "Write a short post about city number {iteration}: a title, one sentence, a mood, a score and some tags."
schema.type = "object"
schema.required = ["title", "body", "mood", "score", "tags"]
schema.properties.title = { type = "string", minLength = 3, maxLength = 60 }
schema.properties.body = { type = "string", minLength = 10, maxLength = 200 }
schema.properties.mood = { enum = ["calm", "loud"] }
schema.properties.score = { type = "integer", minimum = 1, maximum = 5 }
schema.properties.tags.type = "array"
schema.properties.tags.items.enum = ["art", "food", "sea", "stone"]
schema.properties.tags.maxItems = 3
schema.properties.tags.uniqueItems = true
"""
"""A grammar keeps the model to all of it but `uniqueItems`, and the length: answers may be cut."""


@pytest.mark.long
@pytest.mark.timeout(600 + 30 * ANSWERS)
def test_typed_answers_of_a_small_model_fit_or_fail_with_a_reason(house: House) -> None:
    house.write("typed.toml", NARRATIVE % ANSWERS)
    house.worker()
    run_id = house.run("run", "typed.toml", "--detach").stdout.strip()
    with house.client() as client:
        result = client.wait(run_id, timeout_seconds=300 + 30 * ANSWERS)
        runtime = client._runtime
        acts = _acts(runtime, run_id)
        print(f"\n{ANSWERS} typed answers: {_report(acts)}")
        assert (result.iterations_attempted, len(acts)) == (ANSWERS, ANSWERS)
        schema = _schema(runtime, run_id)
        assert [wrong for act in acts for wrong in _wrong(act, schema)] == []
        assert _draws_beyond_tickets(runtime, run_id) == []
        used = [(act.input_tokens, act.output_tokens) for act in acts]
        assert (result.input_tokens, result.output_tokens) == tuple(map(sum, zip(*used, strict=True)))
        wait_until(lambda: held(runtime, "local/smollm2") == [], "the Budget to hold nothing")


def _report(acts: Sequence[ActRow]) -> str:
    """Count the answers that fit at once, after a repair, or not at all, and the reasons of the latter two."""
    outcomes = Counter("failed" if act.status == "failed" else "repaired" if act.repairs else "valid" for act in acts)
    reasons = Counter(_reason(act.warning) for act in acts if act.repairs)
    reasons_of_failures = Counter(_reason(act.error) for act in acts if act.status == "failed")
    return f"{dict(outcomes)}\n  repaired, because {dict(reasons)}\n  failed, because {dict(reasons_of_failures)}"


def _reason(text: str | None) -> str:
    """Return the JSON path and the reason, without the values."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "…", (text or "").rpartition(MISFIT)[2])[:70]


def _wrong(act: ActRow, schema: str) -> Iterator[str]:
    """Yield what is wrong with an act: a used answer that does not fit, a failure without its reason, two repairs."""
    if act.status == "done" and misfits(schema, json.loads(act.output or "")):
        yield f"{act.number}: used, though it does not fit: {act.output}"
    if act.status != "done" and (act.status != "failed" or MISFIT not in (act.error or "")):
        yield f"{act.number}: {act.status}, {act.error}"
    if act.repairs > 1 or act.tries > 2:
        yield f"{act.number}: {act.repairs} repairs, {act.tries} calls"


def _draws_beyond_tickets(runtime: Runtime, run_id: str) -> list[int]:
    """Return the iterations that made more requests than their ticket granted."""
    with runtime.store.transaction() as tx:
        granted = {share.scope.name: share.amounts.requests for share in shares(plan_of(runtime, tx, run_id))}
        drawn = Counter((row["number"], row["scope"]) for row in tx.ledger.of_run(run_id))
    return [number for (number, scope), requests in drawn.items() if requests > granted[scope]]


def _acts(runtime: Runtime, run_id: str) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iterations(run_id, 1, ANSWERS)


def _schema(runtime: Runtime, run_id: str) -> str:
    with runtime.store.transaction() as tx:
        return narrative_of(tx, run_id).acts[0].answer_schema or ""
