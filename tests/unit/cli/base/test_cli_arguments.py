"""Arguments in the place of a narrative, a command or an option: taken where they are clear, explained where not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from botticelli.cli.main import global_options_first

GOOD = '[narrative]\nname = "hello"\n[acts]\nsay = "Say hello"\n'
BOTS = """
[narrative]
name = "asks"
[acts.look]
[[acts.look.input]]
type = "bot_command"
command = "channels.list"
args = { guild_id = "${TEST_GUILD_ID}", note = "${OTHER_ID} ${TEST_GUILD_ID}" }
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hello", "there is no narrative 'hello'; did you mean the file hello.toml?"),
        ("hello#second", "there is no narrative 'hello'; did you mean the file hello.toml#second?"),
        ("helo.toml#second", "helo.toml: there is no such file; did you mean hello.toml#second?"),
        ("helo.toml", "helo.toml: there is no such file; did you mean hello.toml?"),
        ("daily_digst", "there is no narrative 'daily_digst'; did you mean daily_digest?"),
        ("Daily-Digest", "there is no narrative 'Daily-Digest'; did you mean daily_digest?"),
        (".", "is a folder, not a narrative; narratives in it: bad.toml, empty.toml, hello.toml"),
        ("bare", "bare: is a folder, not a narrative; give a narrative, a .toml file or its name"),
        ("folder.toml", "folder.toml: is a folder, not a narrative"),
        ("empty.toml", "there are no acts"),
        ("bad.toml", "is not text"),
        ("https://user:pw@example.org/a.toml?key=x", "example.org/a.toml: a URL is not a narrative; download it"),
        ("file:///etc/x.toml", "a URL is not a narrative"),
        ("a b", "is not the name of a narrative"),
        ("", "is not the name of a narrative"),
        ("x" * 5000, "is not the name of a narrative"),
        ("x" * 5000 + ".toml", "there is no such file"),
        ("nothing/here.toml", "nothing/here.toml: there is no such file"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_argument_that_is_no_narrative_is_refused_with_the_nearest_one(call, given, said, command):
    Path("hello.toml").write_text(GOOD)
    Path("empty.toml").touch()
    Path("bad.toml").write_bytes(b"\x00\xff\xfe")
    Path("bare").mkdir()
    Path("folder.toml").mkdir()
    result = call(command, given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "pw" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("stories/hello.toml", "hello.toml"),
        ("stories/hello.toml#second", "hello.toml#second"),
        ("inner.toml", "inside/inner.toml"),
        ("insde/inner.toml", "inside/inner.toml"),
        ("inside/hello.toml", "hello.toml"),
        ("inside/inne.toml", "inside/inner.toml"),
        ("stories/helo.toml", "hello.toml"),
        ("nowhere/daily_digest.toml", "/narratives/examples/daily_digest.toml"),
    ],
)
@pytest.mark.parametrize("command", [("narrative", "check"), ("run",), ("plan",)], ids=" ".join)
def test_wrong_path_is_refused_with_the_nearest_existing_file(call, command, given, meant):
    Path("inside").mkdir()
    Path("hello.toml").write_text(GOOD)
    Path("inside/inner.toml").write_text(GOOD)
    result = call(*command, given)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    near = line.partition("did you mean ")[2]
    assert near == f"{meant}?" or (meant.startswith("/") and near.endswith(f"{meant}?"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("narrative", "check", "hello.toml", "--set", "default_model=nobody/x"),
        ("narrative", "check", "--set=default_model=nobody/x", "hello.toml"),
        ("narrative", "--set", "default_model=nobody/x", "check", "hello.toml"),
        ("narrative", "check", "hello.toml", "--config", "other.toml"),
        ("narrative", "check", "hello.toml", "--config=other.toml"),
    ],
)
def test_global_options_are_taken_after_the_command(call, arguments):
    Path("hello.toml").write_text(GOOD)
    Path("other.toml").write_text('default_model = "nobody/x"\n')
    result = call(*arguments)
    assert (result.exit_code, "there is no driver 'nobody'" in result.stderr) == (2, True)


def test_option_of_the_same_name_stays_where_it_is(call):
    result = call("runs", "fork", "latest", "--from", "1", "--set", "no-change")
    assert (result.exit_code, "is not ACT.KEY=TEXT" in result.stderr) == (2, True)


def test_text_after_two_dashes_is_no_option():
    assert global_options_first(["state", "set", "k", "--", "--set", "a=b"]) == [
        "state",
        "set",
        "k",
        "--",
        "--set",
        "a=b",
    ]
    assert global_options_first(["run", "x", "--set"]) == ["--set", "run", "x"]


@pytest.mark.parametrize("arguments", [(), ("--set", "worker.threads=2")])
def test_program_alone_shows_its_help(call, arguments):
    result = call(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: botticelli")
    assert "\n  run " in result.stdout


def test_narrative_that_lacks_variables_is_listed_by_name_with_what_it_needs(call, monkeypatch):
    monkeypatch.delenv("TEST_GUILD_ID", raising=False)
    Path("mine").mkdir()
    Path("mine/asks.toml").write_text(BOTS)
    Path("mine/broken.toml").write_text("[acts")
    listed = {row["file"]: row for row in json.loads(call("narrative", "list", "mine", "--json").stdout)}
    assert (listed["mine/asks.toml"]["name"], listed["mine/asks.toml"]["needs"]) == (
        "asks",
        ["TEST_GUILD_ID", "OTHER_ID"],
    )
    assert (listed["mine/broken.toml"]["name"], listed["mine/broken.toml"]["problems"]) == (None, 1)
    shown = call("narrative", "list", "mine").stdout
    assert "needs TEST_GUILD_ID, OTHER_ID" in shown
    assert "broken " in shown and "?" not in shown
    monkeypatch.setenv("TEST_GUILD_ID", "1234")
    monkeypatch.setenv("OTHER_ID", "5")
    (row,) = [row for row in json.loads(call("narrative", "list", "mine", "--json").stdout) if row["name"]]
    assert row["needs"] == []


def test_every_shipped_narrative_is_listed_by_name(call, monkeypatch):
    monkeypatch.delenv("TEST_GUILD_ID", raising=False)
    rows = json.loads(call("narrative", "list", "--json").stdout)
    assert len(rows) > 5
    assert [row["file"] for row in rows if row["name"] is None] == []
