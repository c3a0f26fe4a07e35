"""Tests that a converted narrative keeps its meaning and comments, and that converting it again changes nothing."""

from __future__ import annotations

import json
import re
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botticelli.errors import InvalidInput, NarrativeError
from botticelli.narrative import Environment, parse_all
from botticelli.narrative.authoring.convert import MAX_INLINE_CHARACTERS, convert
from tests.unit.narrative.authoring.test_narrative_schema import EXAMPLES, FOUNDING, OF_OTHERS, SCRIPTS

FOLDER = Path(__file__).parent
ENVIRONMENT = Environment.for_local_files({"TEST_GUILD_ID": "4242"})
INLINE = """
# A file in one breath.
toc = { carousel = 4 }
metadata.name = "inline"
metadata.description = "all at once" # a comment
act = [{ name = "a", prompt = "x" }, { act_name = "b", input = [{ content = "{{a}}" }], carousel = { iterations = 2 } }]
"""
SCENES = """# What this is for.

[metadata]
name = "scenes" # its name
[metadata.variables]
who = "you"

# Comes second.
[[act]]
name = "second" # called so
scene = 2 # after the first
prompt = '''
[[act]]
name = "no act"
{act.first.output}'''

# Comes first.
[[act]]
act_name = "first"
scene = 1
input = [{ content = "Hello {var.who}" }]
[act.carousel] # often
iterations = 3
[act.carousel.budget]
rpm_multiplier = 0.5
"""
BOTH = "[[acts]]\nname = 'a'\nprompt = 'x'\n[carousel] # one\niterations = 2\n# kept\n[narrative.carousel]\niterations = 2\n"


def converted(text: str, folder: Path = FOLDER) -> str:
    return convert(text, source="story.toml", folder=folder)


def meaning(text: str, folder: Path = FOLDER) -> Any:
    environment = Environment.for_local_files({"TEST_GUILD_ID": "4242"})
    narratives = parse_all(text, source="story.toml", folder=folder, environment=environment)
    return json.loads(
        json.dumps([loaded.narrative.snapshot() for loaded in narratives]), object_pairs_hook=without_line
    )


def without_line(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key != "line"}


TEXTS = [
    *((file.read_text(encoding="utf-8"), file.parent) for file in (*SCRIPTS, *OF_OTHERS)),
    *((text, FOLDER) for text in (*FOUNDING, *EXAMPLES, INLINE, SCENES, BOTH)),
]


@pytest.mark.parametrize(("text", "folder"), TEXTS)
def test_converted_file_keeps_its_meaning(text: str, folder: Path) -> None:
    after = converted(text, folder)
    assert meaning(after, folder) == meaning(text, folder)
    tables = tomllib.loads(after)
    assert {"act", "metadata", "carousel"} & tables.keys() == set()
    assert isinstance(tables.get("acts", {}), dict)
    assert converted(after, folder) == after


def test_converted_file_keeps_comments_and_orders_scenes() -> None:
    after = converted(SCENES)
    comments = [line.partition("#")[2] for line in SCENES.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    assert tomllib.loads(after)["toc"] == ["first", "second"]
    assert "[acts.first.carousel.budget]" in after


def test_file_in_the_table_form_is_unchanged() -> None:
    text = '# c\r\n[acts] # d\r\none   =   "x"\r\n'
    assert converted(text) == text.replace("\r\n", "\n")


def test_second_of_two_equal_carousels_is_dropped() -> None:
    after = converted(BOTH)
    assert after.count("iterations") == 1
    assert "# kept" in after


def test_file_that_does_not_load_raises_its_problems() -> None:
    with pytest.raises(NarrativeError, match="must be"):
        converted("[[act]]\nname = 'a'\nprompt = 3\n")


def test_large_inline_file_is_refused() -> None:
    filler = "# " + "x" * 100 + "\n"
    with pytest.raises(InvalidInput, match=r"act is written inline"):
        converted("act = [{ name = 'a', prompt = 'x' }]\n" + filler * (MAX_INLINE_CHARACTERS // 100))


LETTERS = string.ascii_lowercase
NAMES = st.lists(
    st.builds(str.__add__, st.sampled_from(LETTERS), st.text(LETTERS + string.digits + "_-", max_size=8)).filter(
        lambda name: name != "previous"
    ),
    min_size=1,
    max_size=5,
    unique=True,
)
COMMENT = st.sampled_from(["", " # why", "  # [[act]] name = 'x'"])


@st.composite
def list_forms(draw: st.DrawFn) -> str:
    """Generate acts in the list form, with comments and texts that look like headers."""
    lines = ["# About it", draw(st.sampled_from(["[metadata]", "[narrative]"])) + draw(COMMENT), "name = 'made'"]
    if draw(st.booleans()):
        lines += [draw(st.sampled_from(["[carousel]", "[metadata.carousel]"])), "iterations = 3" + draw(COMMENT)]
        if lines[1].startswith("[narrative]"):
            lines[-2] = "[carousel]"
    scenes = draw(st.booleans())
    for name in draw(NAMES):
        lines += ["", "# Before " + name, "[[act]]" + draw(COMMENT)]
        key = draw(st.sampled_from(["name", "act_name", '"name"']))
        lines.append(f"{key} = {draw(st.sampled_from([repr(name), json.dumps(name)]))}" + draw(COMMENT))
        if scenes:
            lines.append(f"scene = {draw(st.integers(0, 3))}" + draw(COMMENT))
        if draw(st.booleans()):
            lines.append(f"prompt = {json.dumps(draw(st.sampled_from(['Hello', '[[act]]', 'name = 3 # x'])))}")
        else:
            lines += ["  [[act.input]]", 'content = """', "[act]", 'name = 1"""', "[[ act . input ]]", "content = 'y'"]
    return "\n".join(lines) + "\n"


@settings(max_examples=60)
@given(list_forms())
def test_any_list_form_converts_without_changing_its_meaning(text: str) -> None:
    after = converted(text)
    assert meaning(after) == meaning(text)
    assert converted(after) == after
    assert all(comment in after for comment in ("# About it", "# Before "))


LENIENT = [file for file in OF_OTHERS if file.stem >= "45" and file.stem != "54_paths"]


@pytest.mark.parametrize("file", LENIENT, ids=lambda file: file.stem)
def test_converted_founding_file_has_no_warnings_and_keeps_its_comments(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    after = converted(text, file.parent)
    narratives = parse_all(after, source=str(file), folder=file.parent, environment=ENVIRONMENT)
    assert narratives[0].warnings == ()
    assert [loaded.narrative.name for loaded in narratives] == [
        loaded.narrative.name
        for loaded in parse_all(text, source=str(file), folder=file.parent, environment=ENVIRONMENT)
    ]
    assert [comment for comment in re.findall(r"(?<!\\S)#.*", text) if comment not in after] == []


def test_converted_founding_file_has_the_same_meaning() -> None:
    text = """# About it.
[narration]
name = "My Story" # its name
author = "me"

[toc]
order = ["a"]

[act.a] # the only one
user = '''Say
# no comment'''
processors = ["x"]
"""
    assert (
        converted(text)
        == """# About it.
[narrative]
# name = "My Story" # its name
name = "my-story"
# author = "me"

[toc]
order = ["a"]

[acts.a] # the only one
prompt = '''Say
# no comment'''
# processors = ["x"]
"""
    )
