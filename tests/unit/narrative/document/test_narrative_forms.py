"""Tests that both ways of writing a narrative give the same model, with every key in its place."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Loaded, Narrative, parse_narrative
from botticelli.narrative.execution import Carousel, Multipliers
from botticelli.narrative.model import BotCommandInput, NestedArguments, Template, TextInput

Load = Callable[[str], Loaded]

EVERYTHING = """
[narrative]
name = "everything"
description = "All keys of the language"
model = "gemini/gemini-3.8-flash"
temperature = 1
max_tokens = 500
system = "You are brief. It is {now}."
skip_content_generation = true
[narrative.budget]
rpm_multiplier = 0.5
tpm_multiplier = 0.5
[narrative.carousel]
iterations = 3
estimated_tokens_per_iteration = 100
continue_on_error = true
concurrency = 2
on_budget_exhausted = "wait"
max_wait_seconds = 60
retries = 0
max_tokens_total = 10_000_000_000
max_cost_usd = 1.5
budget = { tpm_multiplier = 1, rpd_multiplier = 0.25 }
[narrative.variables]
topic = "${NOT_READ_HERE}"
[toc]
order = ["ask", "look", "ask", "many"]
carousel = 3
[bots.stats]
platform = "discord"
command = "server.get_stats"
guild_id = "${TEST_GUILD_ID}"
required = false
[acts]
ask = "About {var.topic}."
look = ["bots.stats", "media.outlets are biased.", { content = "And?" }, { ref = "bots.stats", required = true }]
[acts.many]
prompt = "Turn over {{look}}"
model = "echo"
temperature = 0.5
max_tokens = 5
output_var = "found"
skip_if = "{state.found} == 'yes'"
format = "json"
history = false
retries = 4
system = "Sys"
extract_output = false
carousel = { iterations = 2 }
[[acts.many.input]]
type = "bot_command"
command = "messages.send"
history_retention = "full"
[acts.many.input.args]
channel_id = "{state.c.id}"
when = 2026-01-02T03:04:05Z
flags = [1, true, 0.5, { deep = "{{ask}}", empty = "" }]
"""


def test_every_key_reaches_the_model(load: Load) -> None:
    loaded = load(EVERYTHING)
    narrative = loaded.narrative
    assert loaded.warnings == ()
    assert narrative.carousel == Carousel(
        iterations=3,
        estimated_tokens_per_iteration=100,
        continue_on_error=True,
        concurrency=2,
        on_budget_exhausted="wait",
        max_wait_seconds=60,
        retries=0,
        max_tokens_total=10_000_000_000,
        max_cost_usd=1.5,
        budget=Multipliers(rpm_multiplier=0.5, tpm_multiplier=1, rpd_multiplier=0.25),
    )
    assert narrative.budget == Multipliers(rpm_multiplier=0.5, tpm_multiplier=0.5)
    assert (narrative.model, narrative.temperature, narrative.max_tokens) == ("gemini/gemini-3.8-flash", 1.0, 500)
    assert narrative.variables == {"topic": "${NOT_READ_HERE}"}
    assert [act.name for act in narrative.acts] == ["ask", "look", "ask", "many"]
    assert narrative.acts[0] == narrative.acts[2]
    many = narrative.acts[3]
    assert (many.model, many.temperature, many.max_tokens, many.output_var) == ("echo", 0.5, 5, "found")
    assert (many.format, many.history, many.retries, many.carousel) == ("json", False, 4, Carousel(iterations=2))
    assert many.skip_if is not None and many.skip_if.equals == "yes" and many.skip_if.line == 43
    assert many.line == 37


def test_toc_carousel_equals_the_narrative_carousel(load: Load) -> None:
    short = "[toc]\ncarousel = 3\n[acts]\na = 'x'\n"
    assert load(short).narrative.carousel == Carousel(iterations=3)
    assert load(short + "[carousel]\niterations = 3\n").narrative.carousel == Carousel(iterations=3)


def test_inputs_of_every_type_are_read_in_order(load: Load) -> None:
    narrative = load(EVERYTHING).narrative
    look, many = narrative.acts[1], narrative.acts[3]
    stats = BotCommandInput(
        command="server.get_stats", args={"guild_id": Template(parts=("4242",))}, required=False, line=36
    )
    assert look.inputs == (
        stats,
        TextInput(content=Template(parts=("media.outlets are biased.",)), line=36),
        TextInput(content=Template(parts=("And?",)), line=36),
        stats.model_copy(update={"required": True}),
    )
    prompt, command = many.inputs
    assert isinstance(prompt, TextInput) and isinstance(command, BotCommandInput)
    assert many.calls_model and look.calls_model
    assert command.args["when"] == Template(parts=("2026-01-02T03:04:05+00:00",))
    flags = command.args["flags"]
    assert isinstance(flags, NestedArguments) and flags.array is not None
    assert flags.array[:3] == (1, True, 0.5)
    assert command.line == 50


def test_list_and_table_forms_give_the_same_acts(load: Load) -> None:
    table = "toc = ['b', 'a']\n[narrative]\nname = 'n'\n[acts]\na = 'x {{b}}'\nb = 'y'\n"
    listed = "[metadata]\nname = 'n'\n[[act]]\nname = 'b'\nprompt = 'y'\n[[acts]]\n".replace("acts", "act")
    listed += "act_name = 'a'\n[[act.input]]\ncontent = 'x {{b}}'\n"

    def plain(text: str) -> object:
        return json.loads(json.dumps(load(text).narrative.snapshot()), object_hook=lambda table: {**table, "line": 0})

    assert plain(table) == plain(listed)
    assert plain(listed) == plain(listed.replace("[act", "[acts").replace("[[act", "[[acts").replace("actss", "acts"))


def test_acts_with_scenes_are_ordered_by_them(load: Load) -> None:
    acts = [("a", 2), ("b", None), ("c", 1), ("d", None), ("e", 1)]
    text = "".join(
        f"[[act]]\nname='{name}'\nprompt='x'\n" + f"scene={scene}\n" * (scene is not None) for name, scene in acts
    )
    assert [act.name for act in load(text).narrative.acts] == ["c", "d", "e", "a", "b"]


def test_character_becomes_the_system_text_unless_one_is_given(load: Load) -> None:
    text = "[[act]]\nname = 'a'\ncharacter = 'Ada'\nprompt = 'x'\n"
    assert load(text).narrative.acts[0].system == Template(parts=("You are ", "Ada", "."))
    assert load(text + "system = 'Be Bob.'\n").narrative.acts[0].system == Template(parts=("Be Bob.",))


def test_repeated_act_has_numbered_outputs(load: Load) -> None:
    text = (
        "[acts.a]\nprompt = 'x'\ncarousel = {iterations = 3}\n[acts.b]\nprompt = '{act.a.outputs.2} {act.a.outputs}'\n"
    )
    assert len(load(text).narrative.acts) == 2


def test_act_without_text_calls_no_model(load: Load) -> None:
    assert not load("[bots.s]\ncommand='server.get_stats'\n[acts]\na = 'bots.s'\n").narrative.acts[0].calls_model


@pytest.mark.parametrize(
    "text",
    [
        EVERYTHING,
        "[acts]\na='x'\n",
        "[bots.b]\ncommand='a.b'\nn=[]\nm={}\nf=1.0\nt=true\nbig=9_000_000_000_000_000_000\n[acts]\na='bots.b'\n",
    ],
)
def test_snapshot_round_trip_gives_the_same_narrative(load: Load, text: str) -> None:
    narrative = load(text).narrative
    assert Narrative.model_validate(json.loads(json.dumps(narrative.snapshot()))) == narrative
    assert Narrative.model_validate_json(narrative.model_dump_json()) == narrative


def test_output_of_an_act_in_single_braces_is_a_problem_where_it_stands() -> None:
    text = '[acts]\ndraft = "x"\nlast = "Improve {draft.output.title}."\n'
    with pytest.raises(NarrativeError) as caught:
        parse_narrative(text, source="story.toml", folder=None)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (3, 17)
    assert problem.message == "{draft.output.title} is not a reference"
    assert problem.hint.startswith("did you mean {act.draft.output.title}?")


def test_name_of_an_act_or_variable_in_single_braces_is_a_warning() -> None:
    text = '[narrative.variables]\nwho = "x"\n[acts]\ndraft = "Dear {who}"\nlast = "{draft} {other} {last}"\n'
    loaded = parse_narrative(text, source="story.toml", folder=None)
    assert [(warning.line, warning.message) for warning in loaded.warnings] == [
        (4, "{who} is printed as it is"),
        (5, "{draft} is printed as it is"),
    ]


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("0.5", 0.5), ('"90"', 90), ('"1h30m"', 5400), ('"2w"', 1_209_600)]
)
def test_duration_is_a_number_of_seconds_or_a_text(load: Load, written: str, seconds: float) -> None:
    text = f"[narrative.carousel]\niterations = 2\nmax_wait_seconds = {written}\n[acts]\na = 'x'\n"
    text += f"[narrative.schedule]\nevery_seconds = 3600\njitter_seconds = {written}\n"
    narrative = load(text).narrative
    assert narrative.carousel is not None and narrative.schedule is not None
    assert (narrative.carousel.max_wait_seconds, narrative.schedule.jitter_seconds) == (seconds, seconds)


@pytest.mark.parametrize("written", ['"0s"', '"soon"', '"1 h"', '"-5m"', '""', "true"])
def test_duration_of_another_form_is_refused_with_the_forms(load: Load, written: str) -> None:
    text = f"[narrative.carousel]\niterations = 2\nmax_wait_seconds = {written}\n[acts]\na = 'x'\n"
    with pytest.raises(NarrativeError, match=r'over 0 .seconds., or a duration such as "45s", "1h30m"'):
        load(text)
