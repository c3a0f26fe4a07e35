"""The state example goes on where it stopped, starters are performed, and a narrative can be forgotten."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import insert

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.cli.base.context import Invocation
from botticelli.cli.narrative.narrative_command import narrative as narrative_command
from botticelli.narrative import Environment, load_narrative, parse_narrative
from botticelli.narrative.authoring.starters import FORMS, KINDS, starter
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow
from botticelli.store.schema.tables import effects
from tests.support.narratives import narrative_text, perform_all, start

EFFECT = {
    "key": "k",
    "number": 1,
    "act": "one",
    "platform": "discord",
    "command": "messages.send",
    "args": {},
    "status": "unknown",
    "fencing_token": 1,
}
EXAMPLE = Path(__file__).parents[4] / "narratives/examples/remember_me.toml"


def acts_of_example(runtime: Runtime) -> dict[str, ActRow]:
    loaded = load_narrative(EXAMPLE, environment=Environment())
    run = perform_all(runtime, enqueue(runtime, loaded, str(EXAMPLE), EnqueueRequest()).run.id)
    assert run.status == "completed"
    with runtime.store.transaction() as tx:
        return {row.name: row for row in tx.acts.of_iteration(run.id, 1)}


def test_the_second_run_reads_what_the_first_has_written(runtime: Runtime) -> None:
    first, second = acts_of_example(runtime), acts_of_example(runtime)
    assert [row.status for row in first.values()] == ["done", "skipped", "done"]
    assert [row.status for row in second.values()] == ["skipped", "done", "done"]
    assert str(first["teach"].output) in str(second["recall"].prompt)
    assert str(first["plan"].output) in str(second["teach"].prompt)
    with runtime.store.transaction() as tx:
        remembered = tx.state.list_with_prefix("narrative.remember_me")
    assert {key.rpartition(".")[2] for key in remembered} == {"course", "question", "lesson"}


def test_every_starter_is_performed(runtime: Runtime) -> None:
    for kind, form in itertools.product(KINDS, FORMS):
        text = starter("mine", kind=kind, form=form)
        loaded = parse_narrative(text, source="mine.toml", folder=Path(), name="mine", environment=Environment())
        run = enqueue(runtime, loaded, "mine.toml", EnqueueRequest()).run
        assert perform_all(runtime, run.id).status == "completed", (kind, form)


def test_a_narrative_is_forgotten_but_not_what_was_spent(runtime: Runtime) -> None:
    invocation = Invocation(None, {})
    invocation.__dict__["runtime"] = runtime

    def forget(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(narrative_command, ["forget", *arguments], obj=invocation)
        return result.exit_code, result.stdout or str(result.exception)

    text = narrative_text(2, '[acts.one]\nprompt = "x"\noutput_var = "said"', name="gone")
    run = perform_all(runtime, start(runtime, text).id)
    with runtime.store.transaction() as tx:
        tx.state.set("narrative.gone_too.x", 1)
    dry = json.loads(forget("gone", "--runs", "--dry-run", "--json")[1])
    assert dry == {"narrative": "gone", "state": 1, "runs": 1, "dry_run": True}
    assert forget("gone", "--yes") == (0, "gone: deleted 1 state key and 0 runs\n")
    assert forget("gone", "--yes", "--runs") == (0, "gone: deleted 0 state keys and 1 run\n")
    with runtime.store.transaction() as tx:
        assert list(tx.state.list_with_prefix("")) == ["narrative.gone_too.x"]
        assert tx.runs.recent() == []
        assert len(tx.ledger.of_run(run.id)) == 2
    unsure = perform_all(runtime, start(runtime, text).id)
    with runtime.store.transaction() as tx:
        tx.connection.execute(insert(effects).values(EFFECT | {"run_id": unsure.id}))
    assert "and 0 runs\n" in forget("gone", "--yes", "--runs")[1]
    start(runtime, text)
    assert "1 run of gone is not over" in forget("gone", "--yes")[1]
