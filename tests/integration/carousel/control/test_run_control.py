"""The actions over a run: each may be pulled twice, each is recorded, and what is done stays done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from botticelli.carousel import Actor, Fork, cancel, fork, pause, prune, resume, retry
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, RunFilter
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]
TWO_ACTS = 'one = "first {iteration}"\ntwo = "second {act.one.output}"'
WRITES = (
    '[narrative]\nname = "w"\n[narrative.carousel]\niterations = 2\n[acts]\none = "say"\n[[acts.two]]\n'
    'type = "bot_command"\nplatform = "discord"\ncommand = "channels.create"\n'
    '[acts.two.args]\nguild_id = "1"\nname = "x"\n'
)


class Interfering:
    """A driver that does something while it answers, and remembers every prompt."""

    name = "echo"

    def __init__(self, during: Callable[[str], None]) -> None:
        self._during = during
        self.prompts: list[str] = []

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        prompt = request.messages[-1].text
        self.prompts.append(prompt)
        self._during(prompt)
        return GenerateResponse(text=f"answer to {prompt[:20]}", usage=Usage(5, 5), usage_doubtful=False)


def interfere(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, during: Callable[[str], None]) -> Interfering:
    real = runtime.drivers.get("echo")
    driver = Interfering(during)
    monkeypatch.setattr(real, "generate", driver.generate)
    return driver


def moves(runtime: Runtime, run_id: str) -> list[tuple[str, str, str]]:
    with runtime.store.transaction() as tx:
        return [(action.action, action.actor, action.reason) for action in tx.run_actions.of_run(run_id)]


def acts_of(runtime: Runtime, run_id: str) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iterations(run_id, 1, 100)


def test_pause_now_holds_before_the_next_call_and_resume_pays_nothing_twice(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(runtime, narrative_text(2, TWO_ACTS, estimated_tokens_per_iteration=100))
    ada = Actor("too loud", "ada@home")

    def pause_in_the_first_call(prompt: str) -> None:
        if prompt == "first 1":
            with runtime.store.transaction() as tx:
                tx.runs.set(run.id, status="paused", hold="now")

    driver = interfere(runtime, monkeypatch, pause_in_the_first_call)
    perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        iteration = tx.iterations.of_run(run.id)[0]
    assert (driver.prompts, iteration.status) == (["first 1"], "queued")
    assert [(row.name, row.status) for row in acts_of(runtime, run.id)] == [("one", "done")]
    assert pause(runtime, run.id, ada, now=True).hold == "now"
    resume(runtime, run.id, ada)
    resume(runtime, run.id, ada)
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.used_tokens) == ("completed", 2, 40)
    assert len(driver.prompts) == 4
    assert moves(runtime, run.id) == [("resume", "ada@home", "too loud")]
    assert runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo"))).tickets == 0


def test_a_soft_pause_lets_the_iteration_end_and_now_makes_it_harder(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(runtime, narrative_text(3, TWO_ACTS))
    driver = interfere(runtime, monkeypatch, lambda prompt: pause(runtime, run.id, Actor("lunch", "bob")) and None)
    perform(runtime, run.id, 1)
    after = run_of(runtime, run.id)
    assert (after.status, after.hold, after.succeeded, after.reason) == ("paused", "soft", 1, "lunch")
    assert len(driver.prompts) == 2
    pause(runtime, run.id, Actor("really", "bob"), now=True)
    pause(runtime, run.id, Actor("and again", "bob"))
    assert run_of(runtime, run.id).hold == "now"
    assert moves(runtime, run.id) == [("pause", "bob", "lunch"), ("pause now", "bob", "really")]


def test_a_guard_that_is_old_is_asked_again_before_the_call(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is held after the guard was passed: a slow worker makes no call, and takes the draw back."""
    run = start(runtime, narrative_text(1, estimated_tokens_per_iteration=100))
    driver = interfere(runtime, monkeypatch, lambda prompt: None)
    slow = iter([True])

    def begins_late(self: object, undo: object) -> None:
        if next(slow, False):
            with runtime.store.transaction() as tx:
                tx.runs.set(run.id, status="paused", hold="now")
            self.requested_at -= 60  # type: ignore[attr-defined]
        original(self, undo)  # type: ignore[arg-type]

    from workers.context.iteration_context import IterationContext

    original = IterationContext.begin
    monkeypatch.setattr(IterationContext, "begin", begins_late)
    perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        entry = tx.ledger.of_run(run.id)[0]
    usage = runtime.budget.usage(runtime.scopes.of(runtime.drivers.resolve("echo/echo")))
    assert (driver.prompts, entry["outcome"], usage.tickets) == ([], "refused", 0)
    resume(runtime, run.id)
    assert perform_all(runtime, run.id).status == "completed"
    assert len(driver.prompts) == 1


def test_cancel_is_recorded_once_and_a_run_that_is_being_ended_is_left_alone(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3))
    with runtime.store.transaction() as tx:
        tx.steps.claim_one(run.id, 1, worker="slow:1", lease_seconds=60)
    for _ in range(2):
        assert cancel(runtime, run.id, Actor("wrong file", "eve")).ending == "cancelled"
    pause(runtime, run.id)
    with pytest.raises(InvalidInput, match="is being ended as cancelled"):
        resume(runtime, run.id)
    assert moves(runtime, run.id) == [("cancel", "eve", "wrong file")]


def test_retry_performs_failed_iterations_of_a_complete_run_and_keeps_their_done_acts(
    make_runtime: MakeRuntime,
) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "ok", "ok", "400"]')
    text = narrative_text(3, TWO_ACTS, continue_on_error=True, estimated_tokens_per_iteration=100)
    run = perform_all(runtime, start(runtime, text).id)
    assert (run.status, run.succeeded, run.failed) == ("completed", 2, 1)
    assert retry(runtime, run.id, Actor("once more", "ada")).status == "running"
    retry(runtime, run.id)
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (after.status, after.succeeded, after.failed) == ("completed", 3, 0)
    assert totals["requests"] == 7
    assert after.used_tokens == totals["input_tokens"] + totals["output_tokens"] == 300
    assert retry(runtime, run.id).status == "completed"
    assert moves(runtime, run.id) == [("retry", "ada", "once more")]


def test_retry_goes_on_with_a_run_that_a_failure_ended_but_not_with_a_cancelled_one(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    run = perform_all(runtime, start(runtime, narrative_text(4)).id)
    retry(runtime, run.id)
    assert perform_all(runtime, run.id).succeeded == 4
    other = start(runtime, narrative_text(4))
    cancel(runtime, other.id)
    with pytest.raises(InvalidInput, match="was cancelled"):
        retry(runtime, other.id)


def test_resume_after_a_pause_leaves_failed_iterations_alone(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["400"]')
    run = start(runtime, narrative_text(3, continue_on_error=True))
    perform_open(runtime, run.id)
    pause(runtime, run.id)
    resume(runtime, run.id)
    after = perform_all(runtime, run.id)
    assert (after.status, after.succeeded, after.failed) == ("completed", 2, 1)


def test_fork_keeps_what_came_before_and_pays_only_the_rest(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    old = perform_all(runtime, start(runtime, narrative_text(4, TWO_ACTS), tags=("nightly",)).id)
    driver = interfere(runtime, monkeypatch, lambda prompt: None)
    options = Fork(3, changes={"two.prompt": "changed {act.one.output}"}, idempotency_key="f")
    forked = fork(runtime, old.id, options, Actor("other words", "ada"))
    assert not fork(runtime, old.id, options).created
    after = perform_all(runtime, forked.run.id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(after.id)
        assert [run.id for run in tx.runs.recent(RunFilter(tag="nightly"))] == [after.id, old.id]
    assert (after.status, after.succeeded, after.forked_from, after.forked_at) == ("completed", 4, old.id, 3)
    assert after.used_tokens == totals["input_tokens"] + totals["output_tokens"] == 40
    assert [prompt.split()[0] for prompt in driver.prompts] == ["first", "changed", "first", "changed"]
    before, now = acts_of(runtime, old.id), acts_of(runtime, after.id)
    assert [row.output for row in now[:4]] == [row.output for row in before[:4]]
    assert moves(runtime, after.id) == [("fork", "ada", f"from {old.id}, iteration 3: other words")]


def test_fork_inside_an_iteration_keeps_its_first_acts(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    old = perform_all(runtime, start(runtime, narrative_text(2, TWO_ACTS)).id)
    driver = interfere(runtime, monkeypatch, lambda prompt: None)
    after = perform_all(runtime, fork(runtime, old.id, Fork(2, "two")).run.id)
    assert (after.status, after.succeeded) == ("completed", 2)
    assert [prompt.split()[0] for prompt in driver.prompts] == ["second"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Fork(9), "has no iteration 9"),
        (Fork(2, "three"), "there is no act 'three'"),
        (Fork(1, changes={"one.color": "x"}), "is not ACT.KEY"),
        (Fork(1, changes={"nine.prompt": "x"}), "there is no act 'nine'"),
        (Fork(1, changes={"one.prompt": "{act.two.output}"}), "can't be read there"),
        (Fork(1, changes={"one.prompt": "{var.nobody}"}), "no value for"),
        (Fork(1, changes={"one.temperature": "hot"}), "one.temperature: 'hot'"),
        (Fork(1, changes={"one.model": "nobody/x"}), "there is no driver"),
    ],
)
def test_a_fork_that_can_not_be_performed_is_refused(runtime: Runtime, options: Fork, said: str) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(2, TWO_ACTS)).id)
    with pytest.raises(InvalidInput, match=said):
        fork(runtime, run.id, options)


def test_a_fork_of_what_is_not_finished_is_refused(runtime: Runtime) -> None:
    run = start(runtime, narrative_text(3, TWO_ACTS))
    with pytest.raises(InvalidInput, match=r"iteration 1 of run .* isn't finished"):
        fork(runtime, run.id, Fork(2))
    with pytest.raises(InvalidInput, match="didn't come as far as act two"):
        fork(runtime, run.id, Fork(1, "two"))


def test_effects_are_done_again_only_when_that_is_allowed(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, WRITES).id)
    assert run.status == "completed"
    with pytest.raises(InvalidInput, match=r"act two would do channels\.create again; allow it with --allow-effects"):
        fork(runtime, run.id, Fork(2))
    forked = fork(runtime, run.id, Fork(2, allow_effects=True)).run
    assert perform_all(runtime, forked.id).succeeded == 2
    with runtime.store.transaction() as tx:
        assert len(tx.effects.of_run(forked.id)) == 1
        assert [run.id for run in tx.runs.recent(RunFilter(guild="1"))] == [forked.id, run.id]
        assert tx.runs.recent(RunFilter(guild="2")) == []


def test_prune_forgets_old_runs_that_are_over_and_keeps_the_ledger(runtime: Runtime) -> None:
    done = perform_all(runtime, start(runtime, narrative_text(2)).id)
    going = start(runtime, narrative_text(2))
    unclear = perform_all(runtime, start(runtime, WRITES).id)
    with runtime.store.transaction() as tx:
        tx.effects.finish(tx.effects.of_run(unclear.id)[0].key, "unknown")
    assert prune(runtime, done.now - timedelta(days=1)).runs == 0
    later = done.now + timedelta(days=1)
    assert prune(runtime, later, dry_run=True).runs == 1
    assert prune(runtime, later).runs == 1
    with runtime.store.transaction() as tx:
        assert {run.id for run in tx.runs.recent()} == {going.id, unclear.id}
        assert tx.ledger.totals(done.id)["requests"] == 2
        tx.connection.exec_driver_sql("update ledger set drawn_at = drawn_at - interval '100 days'")
    assert prune(runtime, later).ledger == 2
    with pytest.raises(InvalidInput, match="aren't over"):
        prune(runtime, later, ["running"])


def test_runs_are_found_by_text_and_time(runtime: Runtime) -> None:
    digest = start(runtime, narrative_text(1, name="daily_digest"))
    start(runtime, narrative_text(1, name="other"))
    with runtime.store.transaction() as tx:
        assert [run.id for run in tx.runs.recent(RunFilter(text="Digest"))] == [digest.id]
        assert tx.runs.recent(RunFilter(text="%")) == []
        assert tx.runs.recent(RunFilter(since=digest.now + timedelta(hours=1))) == []
        assert (
            tx.runs.recent(RunFilter(until=digest.now + timedelta(hours=1), narrative="daily_digest"))[0].id
            == digest.id
        )
