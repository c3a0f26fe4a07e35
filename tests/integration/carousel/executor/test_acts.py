"""Acts on the stage: references, history, skipping, turns, JSON, bot commands and what they leave in state."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.drivers import GenerateRequest, GenerateResponse, Usage
from botticelli.drivers.echo import EchoDriver
from botticelli.errors import InvalidInput, NarrativeError
from botticelli.runtime.process import Runtime
from botticelli.store import ActRow
from tests.support.narratives import loaded, narrative_text, perform_all, start

MakeRuntime = Callable[..., Runtime]


def acts_of(runtime: Runtime, run_id: str, number: int = 1) -> list[ActRow]:
    with runtime.store.transaction() as tx:
        return tx.acts.of_iteration(run_id, number)


def state_of(runtime: Runtime, key: str) -> object:
    with runtime.store.transaction() as tx:
        entry = tx.state.get(key)
        return entry.value if entry else None


def put_state(runtime: Runtime, key: str, value: object) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set(key, value)


def test_references_are_filled_in(runtime: Runtime) -> None:
    acts = """
one = "n={iteration}/{iterations} run={run.id} of={narrative.name} who={var.who} \\\\{literal} {{{{x"
two = "before: {act.one.output} same: {{one}} last: {{previous}}"
"""
    run = start(runtime, narrative_text(2, acts), variables={"who": "Ada"})
    perform_all(runtime, run.id)
    first, second = acts_of(runtime, run.id, 2)
    assert first.prompt == f"n=2/2 run={run.id} of=test who=Ada {{literal}} {{x"
    assert second.prompt == f"before: {first.output} same: {first.output} last: {first.output}"


def test_a_variable_without_a_value_and_a_value_without_a_variable(runtime: Runtime) -> None:
    text = narrative_text(1, 'one = "{var.who}"')
    with pytest.raises(InvalidInput, match=r"no value for \{var.who\}"):
        start(runtime, text)
    with pytest.raises(InvalidInput, match="no variable 'whom'"):
        start(runtime, text, variables={"who": "a", "whom": "b"})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(output=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), min_size=1))
def test_template_within_a_value_is_never_expanded(runtime: Runtime, output: str) -> None:
    """I7: references, environment and state in a model's text or in state stay as they are written."""
    hostile = output + " {state.secret} ${HOME} {{one}} {act.one.output} {var.x} \\{ {{{{"
    put_state(runtime, "secret", "NEVER")
    put_state(runtime, "global.text", hostile)
    run = start(runtime, narrative_text(1, 'one = "says: {state.text}"'))
    perform_all(runtime, run.id)
    assert acts_of(runtime, run.id)[0].prompt == f"says: {hostile}"


def test_a_missing_key_fails_the_act_and_names_the_nearest(runtime: Runtime) -> None:
    put_state(runtime, "global.welcome_channel", {"id": "1"})
    run = perform_all(runtime, start(runtime, narrative_text(1, 'one = "{state.welcome_chanel.id}"')).id)
    assert run.status == "failed"
    assert "welcome_chanel" in (run.reason or "") and "welcome_channel" in (run.reason or "")


def test_state_is_looked_up_in_order(runtime: Runtime) -> None:
    put_state(runtime, "global.a", "global")
    put_state(runtime, "narrative.test.a", "narrative")
    run = start(runtime, narrative_text(1, 'one = "{state.a}"'))
    perform_all(runtime, run.id)
    put_state(runtime, "a", "exact")
    again = start(runtime, narrative_text(1, 'one = "{state.a}"'))
    perform_all(runtime, again.id)
    assert [acts_of(runtime, started.id)[0].prompt for started in (run, again)] == ["narrative", "exact"]


def test_output_var_is_read_by_later_acts_and_later_runs(runtime: Runtime) -> None:
    acts = '[acts.one]\nprompt = "hello"\noutput_var = "greeting"\n[acts.two]\nprompt = "{state.greeting}"'
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    first, second = acts_of(runtime, run.id)
    assert second.prompt == first.output
    later = start(runtime, narrative_text(1, 'one = "{state.narrative.test.greeting}"', name="other"))
    perform_all(runtime, later.id)
    assert acts_of(runtime, later.id)[0].prompt == first.output


def test_skip_if_skips_without_a_call(runtime: Runtime) -> None:
    acts = '[acts.one]\nprompt = "hello"\nskip_if = "{state.done}"\n[acts.two]\nprompt = "bye"'
    put_state(runtime, "global.done", True)
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    assert [(row.name, row.status) for row in acts_of(runtime, run.id)] == [("one", "skipped"), ("two", "done")]
    with runtime.store.transaction() as tx:
        assert tx.ledger.totals(run.id)["requests"] == 1


def test_an_act_is_repeated_by_its_own_carousel(runtime: Runtime) -> None:
    acts = (
        '[acts.one]\nprompt = "again"\n[acts.one.carousel]\niterations = 3\n[acts.two]\nprompt = "{act.one.outputs.2}"'
    )
    run = start(runtime, narrative_text(2, acts, estimated_tokens_per_iteration=400))
    after = perform_all(runtime, run.id)
    rows = acts_of(runtime, run.id)
    assert [(row.name, row.turn) for row in rows] == [("one", 1), ("one", 2), ("one", 3), ("two", 1)]
    assert after.used_tokens == 800


def test_an_act_s_own_carousel_has_its_own_figure_and_error_policy(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(drivers__echo__errors='["ok", "400"]')
    acts = """
[acts.one]
prompt = "again"
[acts.one.carousel]
iterations = 3
estimated_tokens_per_iteration = 50
continue_on_error = true
[acts.two]
prompt = "{act.one.output}"
"""
    run = perform_all(runtime, start(runtime, narrative_text(1, acts, estimated_tokens_per_iteration=250)).id)
    rows = acts_of(runtime, run.id)
    assert [(row.name, row.turn, row.status) for row in rows] == [
        ("one", 1, "done"),
        ("one", 2, "failed"),
        ("one", 3, "done"),
        ("two", 1, "done"),
    ]
    assert [row.input_tokens + row.output_tokens for row in rows] == [50, 0, 50, 100]
    assert run.status == "completed"
    assert rows[3].prompt == f"{rows[0].output}\n\n{rows[2].output}"


def test_the_founding_use_case_of_a_channel_without_a_guild(runtime: Runtime) -> None:
    acts = COMMANDS.replace('guild_id = "1", ', "").replace('skip_if = "{state.discord.1.channel.welcome}"', "")
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    channel = state_of(runtime, "discord.channel.welcome")
    assert run.status == "completed"
    assert isinstance(channel, dict)


def test_earlier_acts_are_the_conversation(runtime: Runtime) -> None:
    acts = (
        '[acts.one]\nprompt = "12345678"\n[acts.two]\nprompt = "1234"\n[acts.three]\nprompt = "1234"\nhistory = false'
    )
    run = start(runtime, narrative_text(1, acts))
    perform_all(runtime, run.id)
    first_act, two, three = acts_of(runtime, run.id)
    assert (first_act.input_tokens, three.input_tokens) == (2, 1)
    assert two.input_tokens == -(-(8 + len(first_act.output or "") + 4) // 4)


def test_a_json_act_that_answers_something_else_fails_and_is_paid(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    acts = '[acts.one]\nprompt = "x"\nformat = "json"\n[acts.two]\nprompt = "{act.one.output.echo}"'
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    assert run.status == "completed"
    assert acts_of(runtime, run.id)[1].prompt == "no model was called"


class OddDriver(EchoDriver):
    """Answers with one text, whatever it is asked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def generate(self, request: GenerateRequest) -> GenerateResponse:
        return GenerateResponse(text=self._text, usage=Usage(3, 4), usage_doubtful=False)


@pytest.mark.parametrize("text", ["a\x00b", '{"x\\u0000": ["\\u0000"]}', "half a pair: \ud800", '{"x": "\\ud800"}'])
def test_text_that_postgres_can_not_keep_is_paid_once_and_stored_as_far_as_it_can_be(
    runtime: Runtime, text: str
) -> None:
    runtime.drivers._made["echo"] = OddDriver(text)
    acts = '[acts.one]\nprompt = "x"\noutput_var = "odd"\n[acts.two]\nprompt = "{state.odd} {act.one.output}"'
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (run.status, run.used_tokens) == ("completed", 14)
    assert totals == {
        "requests": 2,
        "input_tokens": 6,
        "output_tokens": 8,
        "unknown_requests": 0,
        "doubtful_requests": 0,
        "repairs": 0,
    }


def test_an_unknown_price_makes_the_cost_unknown(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(default_model="openai-compatible/own")
    runtime.drivers._made["openai-compatible"] = OddDriver("text")
    assert perform_all(runtime, start(runtime, narrative_text(1)).id).cost_usd is None


def test_a_known_price_makes_the_cost(make_runtime: MakeRuntime) -> None:
    tier = '{"usd_per_million_input": "3", "usd_per_million_output": "15"}'
    runtime = make_runtime(providers=f'{{"echo": {{"default_tier": "t", "tiers": {{"t": {tier}}}}}}}')
    runtime.drivers._made["echo"] = OddDriver("text")
    run = perform_all(runtime, start(runtime, narrative_text(2)).id)
    assert run.cost_usd == 2 * (3 * Decimal(3) + 4 * Decimal(15)) / 1_000_000


def test_the_model_is_the_one_that_was_enqueued(make_runtime: MakeRuntime) -> None:
    run = start(make_runtime(default_model="echo/large"), narrative_text(1))
    worker = make_runtime()
    perform_all(worker, run.id)
    assert acts_of(worker, run.id)[0].model == "echo/large"


def test_an_error_of_our_own_ends_the_iteration_and_leaves_no_draw_open(runtime: Runtime) -> None:
    class Broken(EchoDriver):
        def generate(self, request: GenerateRequest) -> GenerateResponse:
            raise KeyError("a mistake in a driver")

    runtime.drivers._made["echo"] = Broken()
    run = perform_all(runtime, start(runtime, narrative_text(1)).id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert run.status == "failed"
    assert "internal error (KeyError)" in (run.reason or "")
    assert totals["unknown_requests"] == totals["requests"] == 1


COMMANDS = """
[acts.setup]
output_var = "channel"
skip_if = "{state.discord.1.channel.welcome}"
[[acts.setup.input]]
type = "bot_command"
command = "channels.create"
args = { guild_id = "1", name = "welcome" }
[acts.post]
[[acts.post.input]]
type = "bot_command"
command = "messages.send"
args = { guild_id = "1", channel_id = "{state.discord.channel.welcome}", content = "hi {iteration}" }
"""


def test_a_channel_is_created_once_and_reused(runtime: Runtime) -> None:
    run = perform_all(runtime, start(runtime, narrative_text(2, COMMANDS)).id)
    again = perform_all(runtime, start(runtime, narrative_text(1, COMMANDS)).id)
    with runtime.store.transaction() as tx:
        effects = [*tx.effects.of_run(run.id), *tx.effects.of_run(again.id)]
    channel = state_of(runtime, "discord.1.channel.welcome")
    assert isinstance(channel, dict) and channel["name"] == "welcome"
    assert [effect.command for effect in effects] == ["channels.create", *["messages.send"] * 3]
    assert {effect.args.get("channel_id") for effect in effects[1:]} == {channel["id"]}
    assert {effect.status for effect in effects} == {"done"}


def test_an_effect_that_is_done_is_not_done_again(runtime: Runtime) -> None:
    """I4, by the ledger: the second try of the same effect answers with what the first one brought."""
    from botticelli.store import Intent

    intent = Intent("k", start(runtime, narrative_text(1)).id, 1, "post", "discord", "messages.send", {"a": 1}, 1)
    with runtime.store.transaction() as tx:
        assert (tx.effects.record_intent(intent).status, tx.effects.record_intent(intent).tries) == ("intended", 1)
        tx.effects.finish("k", "done", output={"id": "7"})
        again = tx.effects.record_intent(intent)
    assert (again.status, again.output) == ("done", {"id": "7"})


def test_commands_that_do_not_exist_are_found_before_the_run(runtime: Runtime) -> None:
    acts = '[acts.a]\n[[acts.a.input]]\ntype = "bot_command"\nplatform = "nowhere"\ncommand = "x.y"'
    with pytest.raises(NarrativeError, match="unknown platform 'nowhere'"):
        start(runtime, narrative_text(1, acts))


def test_rehearsed_platforms_are_announced(runtime: Runtime) -> None:
    enqueued = enqueue(runtime, loaded(narrative_text(1, COMMANDS)), "test.toml", EnqueueRequest())
    assert enqueued.warnings == ("commands of discord are rehearsed offline; nothing outside is changed",)


def test_the_output_of_a_command_is_seen_by_later_acts(runtime: Runtime) -> None:
    acts = """
[acts.look]
[[acts.look.input]]
type = "bot_command"
command = "channels.list"
args = { guild_id = "1" }
[acts.tell]
prompt = "{act.look.output.0.name}"
"""
    perform_all(runtime, start(runtime, narrative_text(1, COMMANDS)).id)
    run = perform_all(runtime, start(runtime, narrative_text(1, acts)).id)
    look, tell = acts_of(runtime, run.id)
    assert [channel["name"] for channel in json.loads(look.output or "")] == ["welcome"]
    assert tell.prompt == "welcome"
