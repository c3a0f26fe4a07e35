"""Gates of acts are read with their defaults, and each fault in them is a problem with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.errors import NarrativeError
from botticelli.gates.text_checks import Checks
from botticelli.narrative import Loaded, Narrative
from botticelli.narrative.gate import Gate

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
