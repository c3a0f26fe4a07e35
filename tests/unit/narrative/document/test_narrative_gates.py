"""Gates of acts are read with their defaults, and each fault in them is a problem with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.errors import NarrativeError
from botticelli.gates.text_checks import Checks
from botticelli.narrative import Loaded, Narrative, parse_narrative
from botticelli.narrative.gate import Gate, Unique
from botticelli.narrative.loops import answers_per_turn, loop_end

Load = Callable[[str], Loaded]
HEAD = '[narrative]\nname = "n"\n[acts.a]\nprompt = "Say."\n'


def test_gate_is_read_and_survives_its_snapshot(load: Load) -> None:
    text = f"""{HEAD}
checks = {{ field = "a.b", max_chars = 9, must_match = "x+", must_not_match = ["y", "z"], language = ["en", "de"] }}
attempts = 5
otherwise = "keep"
"""
    narrative = load(text).narrative
    checks = Checks(field="a.b", max_chars=9, must_match=("x+",), must_not_match=("y", "z"), language=("en", "de"))
    assert narrative.acts[0].gate == Gate(checks=checks, attempts=5, otherwise="keep")
    assert Narrative.model_validate(narrative.snapshot()) == narrative


def test_gate_that_compares_and_asks_is_read(load: Load) -> None:
    text = f"""{HEAD}unique = {{ column = "content.posts.body", within = "90d" }}
[acts.b]
prompt = "Judge."
accept_if = "{{act.b.output.score}} >= 4"
redo = "a"
"""
    first, second = load(text).narrative.acts
    assert first.gate is not None and second.gate is not None and second.gate.accept_if is not None
    assert first.gate.unique == Unique(table="posts", column="body", within_seconds=90 * 86_400, threshold=0.5)
    assert (second.gate.redo, second.gate.back) == ("a", 1)
    assert (second.gate.accept_if.order, second.gate.accept_if.bound) == (">=", 4)


def test_loops_may_stand_within_each_other_but_not_cross(load: Load) -> None:
    acts = "".join(f'[acts.{name}]\nprompt = "Say."\n' for name in "abcd")
    gate = 'accept_if = "{state.x}"\nredo = '
    inside = acts.replace("[acts.c]\n", f'[acts.c]\n{gate}"b"\n') + f'{gate}"a"\n'
    narrative = load(f'[narrative]\nname = "n"\n{inside}').narrative
    assert [answers_per_turn(narrative.acts, position) for position in range(4)] == [3, 9, 9, 3]
    assert [loop_end(narrative.acts, position) for position in range(4)] == [3, 3, 3, 3]
    crossing = acts.replace("[acts.c]\n", f'[acts.c]\n{gate}"a"\n') + f'{gate}"b"\n'
    with pytest.raises(NarrativeError, match="begins within what another gate has performed again"):
        load(f'[narrative]\nname = "n"\n{crossing}')


def test_loop_of_an_embedded_narrative_keeps_its_length(load: Load) -> None:
    text = """
[narrative.outer]
toc = ["first", "inner"]
[narrative.inside]
toc = ["draft", "judge"]
[acts]
first = "Say."
inner = "narrative:inside"
draft = "Write."
[acts.judge]
prompt = "Judge."
accept_if = "{act.judge.output.score} > 1"
redo = "draft"
"""
    acts = parse_narrative(text, source="s.toml", folder=None, name="outer").narrative.acts
    judge = next(act for act in acts if act.name == "inner.acts.judge")
    assert judge.gate is not None and judge.gate.back == 1 and judge.gate.accept_if is not None
    assert judge.gate.accept_if.reference.name == "inner.acts.judge"


def test_gate_without_attempts_has_three_and_fails(load: Load) -> None:
    gate = load(f"{HEAD}checks = {{ no_links = true }}").narrative.acts[0].gate
    assert gate is not None and (gate.attempts, gate.otherwise) == (3, "fail")


@pytest.mark.parametrize(
    ("keys", "place", "message"),
    [
        ('checks = { must_match = "a(b" }', (5, 12), "can't be used: unclosed group (character 2)"),
        (
            'checks = { must_not_match = ["ok", "(?=x)"] }',
            (5, 36),
            "can't be used: look-around, including look-ahead and look-behind, is not supported (character 1)",
        ),
        ('checks = { language = "english" }', (5, 12), "is not a language that can be told"),
        ("checks = { max_chars = 1, min_chars = 2 }", (5, 27), "is more than max_chars"),
        ("checks = { max_char = 1 }", (5, 12), "is not a key of checks"),
        ('checks = { field = "body" }', (5, 1), "holds no rule"),
        ('unique = { column = "content.posts" }', (5, 12), "must be a column of a content table"),
        ('unique = { within = "90d" }', (5, 1), "is missing"),
        ('unique = { column = "content.a.b", within = "long" }', (5, 36), 'must be a duration such as "90d" or "12h"'),
        ('unique = { column = "content.a.b", threshold = 1.5 }', (5, 36), "must be a number over 0 and up to 1"),
        ('accept_if = "{act.a.output.score} => 4"', (5, 1), "is not a condition"),
        ('accept_if = "{act.b.output.score} >= 4"', (5, 14), "there is no act b"),
        ('accept_if = "{state.x}"\nredo = "b"', (6, 1), "there is no act b"),
        ("attempts = 2", (5, 1), "has no effect, since nothing judges the answers of this act"),
        ("checks = { no_links = true }\nattempts = 11", (6, 1), "must be a whole number of at least 1 and at most 10"),
        ('checks = { no_links = true }\notherwise = "drop"', (6, 1), 'must be "fail" or "review" or "keep"'),
    ],
)
def test_fault_in_a_gate_is_a_problem_with_its_place(
    load: Load, keys: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(NarrativeError) as caught:
        load(HEAD + keys)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == place


def test_gate_of_an_act_without_a_model_call_is_a_problem(load: Load) -> None:
    text = '[narrative]\nname = "n"\n[acts.a]\ninput = [{ type = "bot_command", command = "server.get_stats" }]\n'
    with pytest.raises(NarrativeError, match="this act makes no model call"):
        load(f"{text}checks = {{ no_links = true }}")
