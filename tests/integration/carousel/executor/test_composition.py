"""Narratives within narratives, acts side by side, and what later acts see, on real Postgres and Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, accept
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.echo import EchoDriver
from botticelli.errors import DriverTerminal
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow
from tests.support.narratives import perform_all, run_of, start
from tests.support.waiting import wait_until
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]


class Recorder(EchoDriver):
    """Answers with the last words of the prompt, and keeps what it was asked. Fails on prompts that say FAIL."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        self.requests.append(request)
        prompt = request.messages[-1].text
        if "FAIL" in prompt:
            raise DriverTerminal("told to fail")
        return GenerateResponse(text=f"<{prompt.splitlines()[-1]}>", usage=Usage(3, 4), usage_doubtful=False)

    def messages_of(self, prompt: str) -> list[tuple[str, str]]:
        """The messages of the one request whose prompt ends so."""
        (request,) = [request for request in self.requests if request.messages[-1].text.endswith(prompt)]
        return [(message.role, message.text) for message in request.messages]


@pytest.fixture
def driver(runtime: Runtime) -> Recorder:
    recorder = Recorder()
    runtime.drivers._made["echo"] = recorder
    return recorder


def rows(runtime: Runtime, run_id: str, number: int = 1) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run_id, number)


def state(runtime: Runtime) -> dict[str, object]:
    with runtime.store.transaction() as tx:
        return dict(tx.state.list_with_prefix("narrative"))


WHOLE = """
[narrative]
name = "whole"
toc = ["topic", "research", "tell"]
[narrative.variables]
subject = "tea"
mood = "calm"

[acts]
topic = "about {var.subject}"
tell = "tell {act.research.output} and {act.research.acts.look} {{previous}}"

[acts.research]
narrative = "dig"
output_var = "found"

[narratives.dig]
toc = ["look", "sum"]
system = "I dig for {narrative.name}."
[narratives.dig.variables]
mood = "keen"
[narratives.dig.acts.look]
prompt = "look {var.mood} {var.subject} {var.place} {narrative.name}"
output_var = "seen"
[narratives.dig.acts.sum]
prompt = "sum {{look}} {state.seen}"
"""


def test_another_narrative_is_performed_with_what_is_its_own(runtime: Runtime, driver: Recorder) -> None:
    run = perform_all(runtime, start(runtime, WHOLE, variables={"place": "Rome"}).id)
    done = rows(runtime, run.id)
    assert run.status == "completed"
    assert [row.name for row in done] == ["topic", "research.acts.look", "research.acts.sum", "research", "tell"]
    assert done[1].prompt == "look keen tea Rome dig"
    assert done[2].prompt == f"sum {done[1].output} {done[1].output}"
    assert (done[3].output, done[3].prompt, done[3].tries) == (done[2].output, None, 0)
    assert done[4].prompt == f"tell {done[2].output} and {done[1].output} {done[2].output}"
    assert {request.system for request in driver.requests[1:3]} == {"I dig for dig."}
    assert [sent.system for sent in (driver.requests[0], driver.requests[3])] == [None, None]
    assert driver.messages_of("look keen tea Rome dig") == [("user", "look keen tea Rome dig")]
    assert driver.messages_of(str(done[4].prompt))[2:4] == [("user", done[2].prompt), ("assistant", done[2].output)]
    values = {key: entry.value for key, entry in state(runtime).items()}  # type: ignore[attr-defined]
    assert values == {"narrative.dig.seen": done[1].output, "narrative.whole.found": done[2].output}


SKIPPED = """
toc = ["first", "maybe", "last"]
[narrative]
name = "whole"
[acts]
first = "one"
last = "three"
[acts.maybe]
narrative = "inner"
skip_if = "{state.stop}"
[narratives.inner]
toc = ["a", "b"]
[narratives.inner.acts.a]
prompt = "two"
output_var = "stop"
[narratives.inner.acts.b]
prompt = "two and a half"
[narrative.carousel]
iterations = 2
"""


def test_skip_if_decides_about_all_of_a_narrative_and_once(runtime: Runtime, driver: Recorder) -> None:
    """The first act of it writes what the condition reads, under its own name and, in the end, where it looks."""
    with runtime.store.transaction() as tx:
        tx.state.set("global.stop", False)
    run = start(runtime, SKIPPED.replace('skip_if = "{state.stop}"', 'skip_if = "{state.narrative.inner.stop}"'))
    perform_all(runtime, run.id)
    statuses = [[row.status for row in rows(runtime, run.id, number)] for number in (1, 2)]
    assert statuses[0] == ["done"] * 5
    assert statuses[1] == ["done", "skipped", "skipped", "skipped", "done"]


REPEATED = """
toc = ["many", "tell"]
[narrative]
name = "whole"
[acts]
tell = "all {act.many.output} | second {act.many.outputs.1}"
[acts.many]
narrative = "inner"
carousel = true
[narratives.inner]
toc = ["a", "b"]
acts.a = "turn {iteration} of {iterations}"
acts.b = "then {{a}}"
[narratives.inner.carousel]
iterations = 3
continue_on_error = true
"""


def test_a_narrative_is_repeated_as_its_carousel_says(runtime: Runtime, driver: Recorder) -> None:
    run = perform_all(runtime, start(runtime, REPEATED).id)
    done = rows(runtime, run.id)
    turns = [row for row in done if row.name == "many"]
    assert [row.turn for row in turns] == [1, 2, 3]
    assert [row.output for row in turns] == [f"<then <turn {number} of 3>>" for number in (1, 2, 3)]
    joined = "\n\n".join(str(row.output) for row in turns)
    assert done[-1].prompt == f"all {joined} | second <then <turn 2 of 3>>"
    assert driver.messages_of("turn 2 of 3") == [("user", "turn 2 of 3")]


class Choosy(Recorder):
    """Refuses the prompts of some turns."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self._refused = refused

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        if request.messages[-1].text in self._refused:
            raise DriverTerminal("refused")
        return super().generate(request)


def test_a_turn_that_fails_is_left_out_when_the_carousel_goes_on(runtime: Runtime) -> None:
    narrative = REPEATED.replace(" | second {act.many.outputs.1}", "")
    runtime.drivers._made["echo"] = Choosy("turn 2 of 3")
    run = perform_all(runtime, start(runtime, narrative).id)
    done = rows(runtime, run.id)
    turns = [(row.turn, row.status) for row in done if row.name == "many"]
    assert (run.status, turns) == ("completed", [(1, "done"), (2, "failed"), (3, "done")])
    assert done[-1].prompt == "all <then <turn 1 of 3>>\n\n<then <turn 3 of 3>>"
    runtime.drivers._made["echo"] = Choosy(*(f"turn {number} of 3" for number in (1, 2, 3)))
    assert perform_all(runtime, start(runtime, narrative).id).status == "failed"


SIDE = """
[narrative]
name = "side"
[acts.a]
prompt = "a"
needs = []
[acts.b]
prompt = "b"
needs = []
[acts.c]
prompt = "c {act.a.output}"
needs = ["a"]
[acts.d]
prompt = "d"
needs = ["c"]
[acts.e]
prompt = "e {act.b.output}"
needs = ["d", "b"]
"""


def test_acts_run_side_by_side_and_see_what_they_need(runtime: Runtime, driver: Recorder) -> None:
    both = threading.Barrier(2, timeout=60)

    class Meeting(Recorder):
        def generate(self, request: GenerateRequest) -> GenerateResponse:
            if request.messages[-1].text in ("a", "b"):
                both.wait()  # only passed when both are asked at the same time
            return super().generate(request)

    meeting = runtime.drivers._made["echo"] = Meeting()
    run = perform_all(runtime, start(runtime, SIDE).id)
    assert run.status == "completed"
    assert meeting.messages_of("d") == [
        ("user", "a"),
        ("assistant", "<a>"),
        ("user", "c <a>"),
        ("assistant", "<c <a>>"),
        ("user", "d"),
    ]
    assert [said for _, said in meeting.messages_of("e <b>")] == [
        "a",
        "<a>",
        "b",
        "<b>",
        "c <a>",
        "<c <a>>",
        "d",
        "<d>",
        "e <b>",
    ]
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 5


def test_act_beside_a_failure_finishes_and_nothing_new_begins(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    both, failed = threading.Barrier(2, timeout=60), threading.Event()

    class Late(Recorder):
        def generate(self, request: GenerateRequest) -> GenerateResponse:
            both.wait()  # only passed when both have begun
            if request.messages[-1].text == "b":
                assert failed.wait(60)
            try:
                return super().generate(request)
            finally:
                if "FAIL" in request.messages[-1].text:
                    failed.set()

    runtime.drivers._made["echo"] = Late()
    narrative = SIDE.replace('prompt = "a"', 'prompt = "FAIL"').replace('"c {act.a.output}"', '"c"')
    run = perform_all(runtime, start(runtime, narrative).id)
    assert run.status == "failed" and "act a" in str(run.reason)
    assert [(row.name, row.status) for row in rows(runtime, run.id)] == [("a", "failed"), ("b", "done")]


def test_finished_acts_are_kept_when_the_worker_is_lost_in_the_middle(make_runtime: MakeRuntime) -> None:
    """The process stops while c is asked; a second one goes on with what is left."""
    runtime = make_runtime()

    class Crash(BaseException):
        pass

    class Dying(Recorder):
        def generate(self, request: GenerateRequest) -> GenerateResponse:
            if request.messages[-1].text.startswith("c "):
                wait_until(lambda: {row.name for row in rows(runtime, run.id)} == {"a", "b"}, "both to be kept")
                raise Crash
            return super().generate(request)

    runtime.drivers._made["echo"] = Dying()
    run = start(runtime, SIDE)
    with pytest.raises(Crash):
        perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() - interval '1 second'"))
    second = make_runtime()
    recorder = second.drivers._made["echo"] = Recorder()
    assert perform_all(second, run.id).status == "completed"
    assert [request.messages[-1].text for request in recorder.requests] == ["c <a>", "d", "e <b>"]


RETENTION = """
[narrative]
name = "keeping"
[acts.write]
[[acts.write.input]]
content = "KEEP"
[[acts.write.input]]
content = "SECRET"
history_retention = "drop"
[[acts.write.input]]
content = "{state.long}"
history_retention = "summary"
[acts.look]
[[acts.look.input]]
type = "bot_command"
command = "channels.list"
args = { guild_id = "1" }
[acts.hide]
[[acts.hide.input]]
type = "bot_command"
command = "channels.list"
history_retention = "drop"
args = { guild_id = "2" }
[acts.last]
prompt = "LAST"
"""


def test_later_acts_see_of_an_input_what_its_retention_says(runtime: Runtime, driver: Recorder) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set("global.long", "\n".join(f"line {number}" for number in range(2000)))
    run = perform_all(runtime, start(runtime, RETENTION).id)
    assert run.status == "completed"
    (_, first), (_, answer), (_, last) = driver.messages_of("LAST")
    assert first.startswith("KEEP\n\n[text of 18,889 characters, which begins:]\nline 0\n") and len(first) < 300
    assert "SECRET" not in first and answer == "<line 1999>"
    assert last == "look: []\n\nLAST"
    assert "SECRET" in str(rows(runtime, run.id)[0].prompt)


SUITE = '[narrative.a]\ntoc = ["x"]\n[narrative.b]\ntoc = ["y"]\n[acts]\nx = "X"\ny = "Y"\n'


def test_one_of_several_over_the_wire(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "narratives").mkdir()
    (tmp_path / "narratives/suite.toml").write_text(SUITE)
    requests: list[dict[str, str]] = [
        {"narrative": "suite#a"},
        {"narrative": "suite", "name": "b"},
        {"text": SUITE, "name": "b"},
        {"text": SUITE},
    ]
    for number, request in enumerate(requests):
        accept(runtime, EnqueueRequest(run_id=f"run-{number}"), **request)
    runs = [run_of(runtime, f"run-{number}") for number in range(4)]
    assert [run.narrative for run in runs] == ["a", "b", "b", "as text"]
    assert [run.status for run in runs] == ["running", "running", "running", "failed"]
    assert "choose one by its name: a, b" in str(runs[3].reason)
