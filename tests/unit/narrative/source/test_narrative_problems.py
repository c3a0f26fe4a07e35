"""Tests that all problems of a file are reported at once, each with its place. The cases are in `bad_narratives.txt`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import Environment, Loaded, parse_narrative
from botticelli.narrative.source.problems import MAX_PROBLEMS

ACT = "[acts]\na = 'x'\n"

CASES = {
    name: body.split("---\n")
    for name, _, body in (
        case.partition("\n") for case in (Path(__file__).parent / "bad_narratives.txt").read_text().split("=== ")[1:]
    )
}


@pytest.mark.parametrize("name", CASES)
def test_bad_file_gives_exactly_the_expected_lines(name: str, complaints: Callable[[str], list[str]]) -> None:
    text, expected = CASES[name]
    lines = [line.removeprefix("story.toml:").lstrip() for line in complaints(text)]
    assert lines == expected.strip().split("\n")


def test_file_with_warnings_loads(load: Callable[[str], Loaded]) -> None:
    loaded = load("toc=['a']\n[narrative]\ntitle='T'\nauthor='A'\nversion=1\ntags=['t']\n[acts]\na='x'\nb='y'\n")
    assert [str(warning) for warning in loaded.warnings] == [
        "story.toml:3:1: [narrative] title: has no effect",
        "story.toml:4:1: [narrative] author: has no effect",
        "story.toml:5:1: [narrative] version: has no effect",
        "story.toml:6:1: [narrative] tags: has no effect",
        "story.toml:9:1: [acts] b: act b is not in the toc, so it is never performed",
    ]


def test_missing_or_wrong_narrative_name_is_a_problem(load: Callable[[str], Loaded]) -> None:
    text = "[narrative]\nname = 'digest'\n" + ACT
    assert parse_narrative(text, source="x.toml", folder=None, name="digest").narrative.name == "digest"
    with pytest.raises(NarrativeError, match=r"x.toml:2:1: .* the narrative is not called dijest; it is called digest"):
        parse_narrative(text, source="x.toml", folder=None, name="dijest")
    with pytest.raises(NarrativeError, match=r"^<wire>:1:1: the narrative has no name; give it a name"):
        parse_narrative(ACT, source="<wire>", folder=None)


def test_problems_beyond_the_limit_are_counted(complaints: Callable[[str], list[str]]) -> None:
    lines = complaints(ACT + "[narrative]\n" + "".join(f"key{number} = 1\n" for number in range(1000)))
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == "story.toml: and 800 more problems"


def test_too_many_acts_or_too_much_text_is_a_problem(complaints: Callable[[str], list[str]]) -> None:
    many = "".join(f"[acts.a{number}]\nprompt = 'x'\n" for number in range(201))
    too_many = ["story.toml:1:1: there are more than 200 acts; use a carousel to repeat acts"]
    assert complaints(many) == too_many
    assert complaints(toc(201) + ACT) == too_many
    assert complaints(toc(200) + ACT) == []
    long = toc(200) + f"[acts]\na = '{'x' * 50_000}'\n"
    assert complaints(long) == ["story.toml:1:1: all texts together are longer than 8,388,608 characters"]


def toc(length: int) -> str:
    return "toc = [" + "'a'," * length + "]\n"


def test_message_never_shows_the_value_of_a_variable(complaints: Callable[[str], list[str]]) -> None:
    text = "[acts]\na = '${CHAT_TOKEN} {state.${PLAIN}..x} {act.${PLAIN}} {{${PLAIN}}} ${PLAIN'\n"
    text += "[acts.b]\nskip_if = '${PLAIN}'\nprompt = 'x'\n"
    lines = complaints(text)
    assert len(lines) == 4
    assert "canary" not in "\n".join(lines)


def test_environment_of_the_wire_is_closed_by_default() -> None:
    with pytest.raises(NarrativeError, match=r"\$\{TEST_GUILD_ID\} may not be read"):
        parse_narrative("[acts]\na = '${TEST_GUILD_ID}'", source="x.toml", folder=None)
    wire = Environment.for_wire({"BOTTICELLI_VAR_A": "art", "B": "b"}, allow=["B"])
    acts = parse_narrative(
        "[acts]\na = '${BOTTICELLI_VAR_A}${B}'", source="x.toml", folder=None, environment=wire
    ).narrative.acts
    assert acts[0].inputs[0].model_dump()["content"] == {"parts": ("artb",)}
