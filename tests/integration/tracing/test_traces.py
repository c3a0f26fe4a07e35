"""Traces of runs, as a receiver gets them over OTLP: the tree, the conventions, and nothing of prompts and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from botticelli.runtime.process import Runtime
from botticelli.runtime.tracing.spans import SpanKey
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text, perform_all, run_of, start
from tests.support.servers.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from workers.context.claims import claim
from workers.recovery.run_spans import begin_reporting, report_last_runs

MakeRuntime = Callable[..., Runtime]
THREE_ACTS = """
[acts.find]
prompt = "A secret question {iteration}"
[[acts.tell.inputs]]
type = "bot_command"
platform = "discord"
command = "server.get_stats"
args = { guild_id = "1" }
[acts.write]
prompt = "Write about {act.find.output}"
"""


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as receiving:
        yield receiving


def traced(make_runtime: MakeRuntime, receiver: OtlpReceiver, **flags: str) -> Runtime:
    runtime = make_runtime(traces__endpoint=receiver.url, **flags)
    begin_reporting(runtime)
    return runtime


def finished(runtime: Runtime, receiver: OtlpReceiver) -> list[ReceivedSpan]:
    report_last_runs(runtime)
    runtime.spans.flush()
    return receiver.spans


def children(spans: list[ReceivedSpan], parent: ReceivedSpan) -> list[ReceivedSpan]:
    return [span for span in spans if span.parent == parent.id]


def test_trace_of_three_acts_and_a_retry_is_a_tree_without_prompts(
    make_runtime: MakeRuntime, receiver: OtlpReceiver
) -> None:
    runtime = traced(make_runtime, receiver, drivers__echo__errors='["429:0.05"]')
    text = narrative_text(1, acts="").replace("[acts]\n", THREE_ACTS)
    run = perform_all(runtime, start(runtime, text).id)
    assert run.status == "completed", run.reason
    spans = finished(runtime, receiver)
    assert {span.trace_id for span in spans} == {run.id.replace("-", "")}
    (root,) = [span for span in spans if not span.parent]
    assert (root.name, root.attributes["botticelli.run.status"]) == ("invoke_workflow test", "completed")
    (iteration,) = children(spans, root)
    assert (iteration.name, iteration.attributes["botticelli.outcome"]) == ("iteration test", "succeeded")
    acts = children(spans, iteration)
    assert [act.name for act in acts] == ["act find", "act tell", "act write"]
    names = [[child.name for child in children(spans, act)] for act in acts]
    assert names == [["chat echo", "chat echo"], ["discord server.get_stats"], ["chat echo"]]
    refused, answered = children(spans, acts[0])
    assert (refused.attributes["error.type"], answered.error) == ("DriverTransient", None)
    assert "429" in (refused.error or "")
    with runtime.store.transaction() as tx:
        rows = [row for row in tx.ledger.of_run(run.id) if row["outcome"] == "settled"]
    assert answered.attributes["gen_ai.usage.input_tokens"] == rows[0]["input_tokens"]
    assert answered.attributes["gen_ai.provider.name"] == "echo"
    assert (answered.attributes["gen_ai.prompt.name"], answered.attributes["gen_ai.operation.name"]) == ("find", "chat")
    assert len(spans) == 9
    assert b"secret question" not in receiver.bodies


def test_messages_are_in_spans_where_the_settings_say_so(make_runtime: MakeRuntime, receiver: OtlpReceiver) -> None:
    runtime = traced(make_runtime, receiver, traces__messages="true")
    perform_all(runtime, start(runtime, narrative_text(1)).id)
    (call,) = [span for span in finished(runtime, receiver) if span.name == "chat echo"]
    assert "Say hello 1" in call.attributes["gen_ai.input.messages"]
    assert "Say hello 1" in call.attributes["gen_ai.output.messages"]


def test_attempt_of_a_lost_worker_is_reported_by_the_one_that_finds_it(
    make_runtime: MakeRuntime, receiver: OtlpReceiver
) -> None:
    runtime = traced(make_runtime, receiver, worker__lease_seconds="0.1")
    run = start(runtime, narrative_text(1))
    assert claim(runtime, run.id, 1) is not None
    run = perform_all(runtime, run.id)
    assert run.status == "completed"
    attempts = {span.id: span for span in finished(runtime, receiver) if span.name == "iteration test"}
    lost, performed = (attempts[f"{SpanKey(run.id, 1, attempt).span_id:016x}"] for attempt in (1, 2))
    assert (lost.attributes["botticelli.outcome"], performed.attributes["botticelli.outcome"]) == ("lost", "succeeded")
    assert "was lost" in (lost.error or "")


def test_failed_run_is_an_error_and_is_reported_once(make_runtime: MakeRuntime, receiver: OtlpReceiver) -> None:
    runtime = traced(make_runtime, receiver, drivers__echo__errors='["400"]')
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    finished(runtime, receiver)
    roots = [span for span in finished(runtime, receiver) if not span.parent]
    assert [(span.error or "")[:12] for span in roots] == ["iteration 1:"]
    assert run_of(runtime, run.id).status == "failed"


def test_run_of_a_real_worker_arrives_whole(house: House, receiver: OtlpReceiver) -> None:
    house.settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url
    file = house.write("digest.toml", narrative_text(2, name="digest"))
    assert house.run("run", str(file)).returncode == 0
    names = sorted(span.name for span in receiver.spans)
    expected = ["act one", "chat echo", "iteration digest"]
    assert names == sorted([*expected, *expected, "invoke_workflow digest"])
