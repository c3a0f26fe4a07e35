"""Tests the flat list of acts for several narratives in a file, narratives within narratives, and needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import (
    Environment,
    Loaded,
    load_all,
    load_narrative,
    missing_variables,
    parse_all,
    parse_narrative,
    visible,
)
from botticelli.narrative.model import NarrativeInput

Load = Callable[[str], Loaded]

SEVERAL = """
[narrative.a]
toc = ["x", "y"]
[narratives.b]
name = "second"
toc = ["y"]
[acts]
x = "X"
y = "Y"
unused = "Z"
[bots.idle]
command = "channels.list"
"""


def names(loaded: Loaded) -> list[str]:
    return [act.name for act in loaded.narrative.acts]


def parsed(text: str, name: str | None = None) -> Loaded:
    return parse_narrative(text, source="story.toml", folder=None, name=name)


def lines(text: str, folder: Path | None = None, name: str | None = None) -> list[str]:
    with pytest.raises(NarrativeError) as caught:
        parse_narrative(text, source="story.toml", folder=folder, name=name)
    return [str(problem) for problem in caught.value.problems]


def test_narrative_is_chosen_by_name_among_several() -> None:
    assert names(parsed(SEVERAL, "a")) == ["x", "y"]
    assert parsed(SEVERAL, "b").narrative.name == parsed(SEVERAL, "second").narrative.name == "second"
    assert lines(SEVERAL) == ["story.toml:1:1: the file has several narratives; choose one by its name: a, b"]
    assert lines(SEVERAL, name="bb") == ["story.toml:1:1: there is no narrative bb; did you mean b?"]
    narratives = parse_all(SEVERAL, source="story.toml", folder=None)
    assert [loaded.narrative.name for loaded in narratives] == ["a", "second"]
    assert [str(warning) for warning in narratives[0].warnings] == [
        "story.toml:10:1: [acts] unused: act unused is not in the toc, so it is never performed",
        "story.toml:11:7: [bots.idle]: no act uses bots.idle",
    ]


def test_problem_of_another_narrative_does_not_stop_the_chosen_one() -> None:
    text = SEVERAL.replace('unused = "Z"', 'unused = "${NOT_SET}"')
    assert names(parsed(text, "a")) == ["x", "y"]
    with pytest.raises(NarrativeError, match="NOT_SET"):
        parse_all(text, source="story.toml", folder=None)


def test_only_narrative_of_a_file_loads_with_or_without_name() -> None:
    text = "[narrative.only]\ntoc = ['x']\n[acts]\nx = 'X'\n"
    assert parsed(text).narrative == parsed(text, "only").narrative
    assert lines(text, name="other") == ["story.toml:1:1: the narrative is not called other; it is called only"]


def test_unnamed_table_beside_named_ones_is_the_default_narrative() -> None:
    text = "toc = ['x']\n[narrative]\nname = 'main'\n[narratives.b]\ntoc = ['y']\n[acts]\nx = 'X'\ny = 'Y'\n"
    assert parsed(text).narrative.name == "main"
    assert names(parsed(text, "b")) == ["y"]


INNER = """
[narrative]
name = "whole"
toc = ["first", "x", "last"]
[narrative.variables]
v = "outer"
w = "outer"
[acts]
first = "F"
last = "{act.x.output} {act.x.acts.p} {act.x.acts.q.acts.r.output.a} {{x.acts.p}}"
[acts.x]
narrative = "mid"
model = "echo/x"
retries = 7
[narratives.mid]
toc = ["p", "q"]
temperature = 0.5
[narratives.mid.variables]
v = "mid"
[narratives.mid.acts]
p = "{var.v} {var.w} {var.u}"
q = ["narrative:deep", "and {{p}}"]
[narratives.deep]
toc = ["r"]
system = "S"
acts.r = "R {iteration}"
"""


def test_acts_of_other_narratives_stand_before_the_act_that_performs_them() -> None:
    narrative = parsed(INNER).narrative
    flat = [act.name for act in narrative.acts]
    assert flat == ["first", "x.acts.p", "x.acts.q.acts.r", "x.acts.q", "x", "last"]
    _, p, r, q, x, last = narrative.acts
    assert [act.composes for act in narrative.acts] == [None, None, None, 2, 1, None]
    assert [act.own_name for act in (p, q, r, x)] == ["p", "q", "r", "x"]
    assert p.scope is not None and r.scope is not None and x.scope is None
    assert (p.scope.narrative, p.scope.prefix, p.scope.start) == ("mid", "x.acts.", 1)
    assert (r.scope.narrative, r.scope.prefix, r.scope.start) == ("deep", "x.acts.q.acts.", 2)
    assert p.scope.variables == {"v": "mid", "w": "outer"}
    assert (p.model, p.temperature, p.retries, r.model, r.temperature) == ("echo/x", 0.5, 7, "echo/x", 0.5)
    assert narrative.system_for(r) is not None and narrative.system_for(p) is None
    performed = q.inputs[0]
    assert isinstance(performed, NarrativeInput) and performed.ends == (2,)
    assert [(item.name, item.path) for item in last.inputs[0].content.references] == [  # type: ignore[union-attr]
        ("x", ("output",)),
        ("x.acts.p", ("output",)),
        ("x.acts.q.acts.r", ("output", "a")),
        ("x.acts.p", ("output",)),
    ]
    assert missing_variables(narrative) == ["u"]
    assert [sorted(item) for item in visible(narrative.acts)][5] == [0, 1, 2, 3, 4]


def test_repeated_narrative_is_listed_once_per_turn() -> None:
    text = INNER.replace('narrative = "mid"', 'narrative = "mid"\ncarousel = { iterations = 2 }')
    acts = parsed(text).narrative.acts
    assert [act.name for act in acts].count("x.acts.q.acts.r") == 2
    (performed,) = acts[7].inputs
    assert isinstance(performed, NarrativeInput) and performed.ends == (3, 6)
    assert [act.scope.iteration for act in acts if act.name == "x.acts.p" and act.scope] == [1, 2]
    inner = [
        input_.ends for act in acts if act.name == "x.acts.q" for input_ in act.inputs if input_.type == "narrative"
    ]
    assert inner == [(2,), (5,)]


def test_needs_inside_and_around_a_narrative_set_what_acts_wait_for() -> None:
    text = """
toc = ["m", "x", "b"]
[narrative]
name = "whole"
[acts.m]
prompt = "M"
needs = ["x", "b"]
[acts]
b = "B"
x = "narrative:inner"
[narratives.inner]
toc = ["j", "l", "r"]
[narratives.inner.acts]
j = { prompt = "{{l}}{{r}}", needs = ["l", "r"] }
l = { prompt = "L", needs = [] }
r = { prompt = "R", needs = [] }
"""
    acts = parsed(text).narrative.acts
    assert [act.name for act in acts] == ["x.acts.l", "x.acts.r", "x.acts.j", "x", "b", "m"]
    assert [act.after for act in acts] == [(), (), (0, 1), (0, 1, 2), (), (3, 4)]
    assert sorted(visible(acts)[5]) == [0, 1, 2, 3, 4]
    plain = parsed("[acts]\na = 'A'\nb = 'narrative:n'\n[narratives.n]\ntoc=['c']\nacts.c='C'\n[narrative]\nname='w'\n")
    assert {act.after for act in plain.narrative.acts} == {None}


def chain(length: int) -> str:
    """Return a file with narratives n1 to n`length`, each performing the next."""
    links = "".join(f"[narratives.n{n}]\ntoc=['a']\nacts.a='narrative:n{n + 1}'\n" for n in range(1, length))
    return f"{links}[narratives.n{length}]\ntoc=['a']\nacts.a='x'\n"


def test_nesting_beyond_the_limit_is_a_problem() -> None:
    assert len(parsed(chain(8), "n1").narrative.acts) == 8
    (line,) = lines(chain(9), name="n1")
    assert "nested more than 8 deep: n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> n7 -> n8 -> n9" in line


def test_iteration_with_too_many_acts_is_a_problem() -> None:
    """Limit the acts that a few lines can stand for (row S16)."""
    many = "".join(
        f"[narratives.n{n}]\ntoc=['a']\nacts.a={{narrative='n{n + 1}', carousel={{iterations=1000}}}}\n"
        for n in range(1, 7)
    )
    problems = lines(many + "[narratives.n7]\ntoc=['a']\nacts.a='x'\n", name="n1")
    assert "an iteration performs more than 500 acts" in problems[-1] and len(problems) == 6
    long = "[narrative]\nname='w'\n[acts.a]\nnarrative='n'\ncarousel={iterations=400}\n"
    long += f"[narratives.n]\ntoc=['b']\nacts.b='{'x' * 2000}'\n"
    (line,) = lines(long)
    assert "all texts together are longer than 524,288 characters" in line


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.toml").write_text("[acts]\na = 'canary'\n")
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    (inner / "other.toml").write_text("[acts]\na = 'A'\n")
    (inner / "two.toml").write_text("[narrative.p]\ntoc=['a']\n[narrative.q]\ntoc=['a']\n[acts]\na='A'\n")
    (inner / "deep" / "low.toml").write_text("[acts.a]\nnarrative='beside'\n")
    (inner / "deep" / "beside.toml").write_text("[acts]\na='low'\n")
    (inner / "beside.toml").write_text("[acts]\na='high'\n")
    (inner / "wrong.toml").write_text("[acts]\na = '{act.x}'\nb = 'x'\n")
    (inner / "broken.toml").write_text("[acts\n")
    (inner / "back.toml").write_text("[acts]\na = 'narrative:story'\n")
    (inner / "link.toml").symlink_to(tmp_path / "secret.toml")
    os.mkfifo(inner / "pipe.toml")
    return inner


def performing(name: str, folder: Path | None) -> Loaded:
    text = f"[narrative]\nname = 'w'\n[acts.x]\nnarrative = '{name}'\n"
    return parse_narrative(text, source=str((folder or Path()) / "story.toml"), folder=folder)


@pytest.mark.parametrize("name", ["other", "other.toml", "two#p", "two.toml#q"])
def test_narrative_of_a_file_beside_is_performed(folder: Path, name: str) -> None:
    loaded = performing(name, folder)
    assert names(loaded) == ["x.acts.a", "x"]
    scope = loaded.narrative.acts[0].scope
    assert scope is not None and scope.file == name.partition("#")[0].removesuffix(".toml")


HERE = "{folder}/story.toml:4:1: [acts.x] narrative: "


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "missing",
            [HERE + "there is no narrative missing in this file, and no file missing.toml beside it"],
        ),
        ("link", [HERE + "there is no narrative link in this file, and link.toml beside it: is a symbolic link"]),
        ("pipe", [HERE + "there is no narrative pipe in this file, and pipe.toml beside it: is not a regular file"]),
        ("deep/../../secret", [HERE + "deep/../../secret is not the name of a narrative"]),
        ("/etc/passwd", [HERE + "/etc/passwd is not the name of a narrative"]),
        ("~/x", [HERE + "~/x is not the name of a narrative"]),
        ("two", [HERE + "two.toml has several; choose one of two#p, two#q"]),
        ("two#r", [HERE + "two.toml has no narrative r; choose one of two#p, two#q"]),
        ("wrong", ["{folder}/wrong.toml:2:6: [acts] a: {act.x} is not a reference"]),
        (
            "broken",
            [HERE + "there is no narrative broken in this file, and broken.toml", "{folder}/broken.toml:1:6: this is"],
        ),
    ],
)
def test_unusable_narrative_of_another_file_is_a_problem(folder: Path, name: str, expected: list[str]) -> None:
    with pytest.raises(NarrativeError) as caught:
        performing(name, folder)
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == len(expected)
    assert all(
        line.startswith(start.replace("{folder}", str(folder))) for line, start in zip(problems, expected, strict=True)
    )
    assert "canary" not in str(caught.value)


def test_text_over_the_wire_performs_only_its_own_narratives(folder: Path) -> None:
    with pytest.raises(NarrativeError, match="a narrative sent as text can't read files"):
        performing("other", None)


def test_file_that_performs_this_one_again_is_a_problem(folder: Path) -> None:
    (folder / "story.toml").write_text("[acts]\nx = 'narrative:back'\n")
    with pytest.raises(NarrativeError, match=r"nested more than 8 deep|can't perform itself: story -> back -> story"):
        load_narrative(folder / "story.toml")


def test_alias_loads_the_narrative_of_another_file(folder: Path) -> None:
    text = "[narratives.far]\nnarrative = 'two#q'\n[narratives.other]\nnarrative = 'other'\n"
    (folder / "names.toml").write_text(text)
    assert load_narrative(folder / "names.toml", name="far").narrative.name == "q"
    assert [loaded.narrative.name for loaded in load_all(folder / "names.toml")] == ["q", "other"]


def test_text_is_read_from_a_folder_of_the_context(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "tone.md").write_text("Be brief.")
    (shared / "link.md").symlink_to(tmp_path / "secret.toml")
    story = folder / "story.toml"
    story.write_text("[acts.a]\n[[acts.a.input]]\nfile = 'tone.md'\n")
    with pytest.raises(NarrativeError, match=r"tone\.md: there is no such file"):
        load_narrative(story)
    loaded = load_narrative(story, context=[shared], environment=Environment())
    assert loaded.narrative.acts[0].inputs[0].content.parts == ("Be brief.",)  # type: ignore[union-attr]
    for name in ("link.md", "../secret.toml"):
        story.write_text(f"[acts.a]\n[[acts.a.input]]\nfile = '{name}'\n")
        with pytest.raises(NarrativeError, match=r"symbolic link|must be inside"):
            load_narrative(story, context=[shared])


def test_acts_inside_a_skippable_act_may_be_skipped() -> None:
    text = """
[narrative]
name = "outer"
toc = ["first", "around"]
[acts]
first = "x"
[acts.around]
narrative = "inner"
skip_if = "{state.done}"
[narratives.inner]
toc = ["one", "two"]
acts.one = "y"
acts.two = "z"
"""
    narrative = parsed(text).narrative
    assert [narrative.may_skip(position) for position in range(4)] == [False, True, True, True]
