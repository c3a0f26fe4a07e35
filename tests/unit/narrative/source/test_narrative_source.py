"""Tests which files are read, and which are refused with one line (row S2)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botticelli.errors import NarrativeError
from botticelli.narrative import load_narrative, parse_narrative
from botticelli.narrative.source.source_text import LOCAL

GOOD = '[acts]\na = "hello"\n'


def line(path: Path) -> str:
    with pytest.raises(NarrativeError) as caught:
        load_narrative(path)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(str(path)).removeprefix(": ")


def test_unnamed_narrative_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "greeting.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_narrative(path).narrative.name == "greeting"


def test_unreadable_file_says_why_in_one_line(tmp_path: Path) -> None:
    latin, zero, large, pipe = (tmp_path / name for name in ("latin.toml", "zero.toml", "large.toml", "pipe.toml"))
    latin.write_bytes(b"# ok\n# caf\xe9\n")
    zero.write_bytes(b"a = '\0'")
    large.write_bytes(b"#" * (LOCAL.file_bytes + 1))
    os.mkfifo(pipe)
    assert line(tmp_path / "missing.toml") == "there is no such file"
    assert line(tmp_path / "latin.toml" / "x") == "a part of its path is not a folder, or is a symbolic link"
    assert line(tmp_path) == "is a folder, not a file"
    assert line(latin) == ":2:1: is not UTF-8 text (line 2)"
    assert line(zero) == ":1:1: holds a NUL byte, so it is not text"
    assert line(large) == "is larger than 1,048,576 bytes"
    assert line(pipe) == "is not a regular file"
    assert line(Path("/dev/zero")) == "is not a regular file"


def test_file_name_with_nul_or_line_break_gives_one_line(tmp_path: Path) -> None:
    for name in ("a\0b.toml", "a\nb.toml"):
        with pytest.raises(NarrativeError) as caught:
            load_narrative(tmp_path / name)
        assert "\n" not in str(caught.value) and "\0" not in str(caught.value)


def with_file(folder: Path | None, name: str) -> list[str]:
    text = f"[acts.a]\n[[acts.a.input]]\nfile = '{name}'\n"
    try:
        loaded = parse_narrative(text, source="s.toml", folder=folder)
    except NarrativeError as error:
        return [str(problem) for problem in error.problems]
    (part,) = loaded.narrative.acts[0].inputs[0].content.parts  # type: ignore[union-attr]
    return [part] if isinstance(part, str) else [part.text]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("canary")
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    (inner / "prompt.txt").write_text("Say hello.")
    (inner / "deep" / "other.txt").write_text("{now}")
    (inner / "empty.txt").write_text(" \n")
    (inner / "wrong.txt").write_text("one\ntwo {act.x} {{nobody}}")
    (inner / "latin.txt").write_bytes(b"\xe9")
    (inner / "link.txt").symlink_to(tmp_path / "secret.txt")
    (inner / "loop").symlink_to(inner)
    os.mkfifo(inner / "pipe")
    return inner


def test_text_of_a_file_beside_the_narrative_is_a_template(folder: Path) -> None:
    assert with_file(folder, "prompt.txt") == ["Say hello."]
    assert with_file(folder, "./deep/other.txt") == ["{now}"]


BESIDE = "put it beside the narrative, or its folder into [context] path of the settings"
OUTSIDE = "the file must be inside the narrative's own folder"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../secret.txt", OUTSIDE),
        ("deep/../../secret.txt", OUTSIDE),
        ("/etc/passwd", OUTSIDE),
        ("/proc/self/environ", OUTSIDE),
        ("~/secret.txt", OUTSIDE),
        ("file:secret.txt", OUTSIDE),
        ("deep\\other.txt", OUTSIDE),
        ("deep//other.txt", OUTSIDE),
        ("link.txt", "is a symbolic link, which is not followed"),
        ("loop/prompt.txt", "a part of its path is not a folder, or is a symbolic link"),
        ("pipe", "is not a regular file"),
        ("deep", "is a folder, not a file"),
        ("missing.txt", f"there is no such file; {BESIDE}"),
        ("latin.txt", "is not UTF-8 text (line 1)"),
        ("empty.txt", "is empty"),
        (".", "is a folder, not a file"),
    ],
)
def test_forbidden_or_unreadable_file_beside_is_a_problem(folder: Path, name: str, message: str) -> None:
    (line,) = with_file(folder, name)
    assert line.startswith("s.toml:3:1: [acts.a.input] file: ") and line.endswith(f": {message}")


def test_problem_in_a_file_beside_names_the_file_and_line(folder: Path) -> None:
    assert with_file(folder, "wrong.txt") == [
        "s.toml:3:1: [acts.a.input] file: wrong.txt, line 2: {act.x} is not a reference; "
        "an act's output is {act.NAME.output}; write \\{ for a brace that is just a brace",
        "s.toml:3:1: [acts.a.input] file: wrong.txt: {{nobody}}: there is no act nobody; the acts are: a",
    ]


def test_text_over_the_wire_reads_no_file(folder: Path) -> None:
    assert with_file(None, "prompt.txt") == [
        "s.toml:3:1: [acts.a.input] file: a narrative sent as text can't read files; write the text into content"
    ]


@pytest.mark.parametrize("prompt", ["\u200b", "\u2060 \ufeff", "\u3164", "\u2800\u00a0", "\u00ad\ufe0f"], ids=ascii)
def test_prompt_in_which_there_is_nothing_to_see_is_a_problem(prompt: str) -> None:
    text = f"[narrative]\nname = 'one'\nmodel = 'echo/x'\n[acts]\nsay = '{prompt}'\n"
    with pytest.raises(NarrativeError, match="is empty; write some text"):
        parse_narrative(text, source="one", folder=None)
