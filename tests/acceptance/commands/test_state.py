"""`botticelli state` as a person and a script use it, between runs that read and write the same keys."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fleet.processes import BIN, House

WRITER = """
[narrative]
name = "writer"
[[act]]
name = "make"
output_var = "room"
[[act.input]]
type = "bot_command"
command = "channels.create"
[act.input.args]
guild_id = "42"
name = "a.b news"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests here: its services stay up."""
    made = House(tmp_path_factory.mktemp("state"))
    assert made.run("services", "up").returncode == 0
    yield made
    made.run("services", "down", "--force")
    made.close()


@pytest.fixture
def house(shared: House) -> House:
    """It remembers nothing."""
    assert shared.run("state", "clear", "--all", "--yes").returncode == 0
    return shared


def fill(house: House, *keys: str) -> None:
    lines = "".join(json.dumps({"key": key, "value": key}) + "\n" for key in keys)
    assert house.run("state", "import", "--replace", str(house.write("fill.jsonl", lines))).returncode == 0


def keys(house: House, *scope: str) -> list[str]:
    return [entry["key"] for entry in house.json("state", "list", "--json", *scope)]


def test_a_value_is_set_read_and_deleted(house: House) -> None:
    assert house.run("state", "set", "global.x", '{"id": "7"}').stdout == "set global.x\n"
    assert house.json("state", "get", "global.x") == {"id": "7"}
    entry = house.json("state", "get", "global.x", "--json")
    assert (entry["key"], entry["value"], entry["expires_at"]) == ("global.x", {"id": "7"}, None)
    assert house.json("state", "set", "global.x", "7", "--text", "--json")["value"] == "7"
    assert house.run("state", "get", "global.x").stdout == "7\n"
    assert house.json("state", "set", "global.x", "--json", "--", "-7")["value"] == -7
    assert house.json("state", "delete", "global.x", "--json") == {"deleted": "global.x"}
    assert keys(house) == []


def test_a_missing_key_is_exit_code_2_with_the_nearest(house: House) -> None:
    fill(house, "global.greeting", "narrative.x.y")
    for verb in ("get", "delete"):
        done = house.run("state", verb, "global.greting")
        assert (done.returncode, done.stdout) == (2, "")
        assert "state has no key 'global.greting'; the nearest keys are global.greeting" in done.stderr


def test_if_absent_says_by_its_exit_code_whether_it_was_first(house: House) -> None:
    assert house.run("state", "set", "global.lock", "1", "--if-absent", "--ttl", "1h").returncode == 0
    done = house.run("state", "set", "global.lock", "2", "--if-absent")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the key already exists" in done.stderr
    entry = house.json("state", "get", "global.lock", "--json")
    assert (entry["value"], entry["expires_at"] > entry["updated_at"]) == (1, True)


def test_each_scope_shows_its_own(house: House) -> None:
    fill(house, "discord.1.channel.a", "discord.10.channel.a", "echo.1.role.b", "narrative.1.x", "global.1.x")
    assert keys(house, "--guild", "1") == ["discord.1.channel.a", "echo.1.role.b"]
    assert keys(house, "--narrative", "1") == ["narrative.1.x"]
    assert keys(house, "--prefix", "discord.1") == ["discord.1.channel.a"]
    assert keys(house, "--prefix", "discord.") == ["discord.1.channel.a", "discord.10.channel.a"]
    assert house.run("state", "list", "--guild", "2").stderr == "there are no such keys\n"


def test_a_terminal_obeys_no_value(house: House) -> None:
    house.run("state", "set", "global.x", "\x1b[31mred\u202e")
    for arguments in (("list",), ("get", "global.x")):
        done = house.run("state", *arguments)
        assert done.returncode == 0
        assert "red\\u202e" in done.stdout
        assert "\x1b" not in done.stdout


def test_clearing_needs_a_yes(house: House) -> None:
    fill(house, "discord.1.channel.a", "discord.1.channel.b", "discord.10.channel.a")
    refused = house.run("state", "clear", "--guild", "1")
    assert (refused.returncode, len(keys(house))) == (2, 3)
    assert "pass --yes" in refused.stderr
    for said, code, left in (("n\n", 130, 3), ("y\n", 0, 1)):
        done = answer(house, said, "state", "clear", "--guild", "1")
        assert done.returncode == code
        assert "delete 2 keys?" in done.stderr
        assert len(keys(house)) == left
    assert house.json("state", "clear", "--prefix", "discord", "--yes", "--json") == {"cleared": 1}


def answer(house: House, said: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with somebody at its keyboard."""
    keyboard, terminal = pty.openpty()
    with os.fdopen(keyboard, "w") as typed, os.fdopen(terminal) as stdin:
        typed.write(said)
        typed.flush()
        command = [str(BIN / "botticelli"), *arguments]
        return subprocess.run(
            command,
            cwd=house.folder,
            env=house.environ,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def without_change(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in entry.items() if name != "updated_at"} for entry in entries]


def test_exported_state_is_restored_by_import(house: House) -> None:
    values = ["é\u2028\x1b\n", None, {"deep": [1, None]}, 12345678901234567890, 1.5]
    for number, value in enumerate(values):
        house.run("state", "set", f"global.{number}", json.dumps(value), "--ttl", "7d")
    before = house.json("state", "list", "--json")
    assert [entry["value"] for entry in before] == values
    assert house.json("state", "export", "saved.jsonl", "--json") == {"exported": 5, "file": "saved.jsonl"}
    saved = (house.folder / "saved.jsonl").read_text()
    assert house.run("state", "export").stdout == saved
    house.run("state", "clear", "--all", "--yes")
    assert house.json("state", "import", "saved.jsonl", "--json") == {"imported": 5, "expired": 0}
    after = house.json("state", "list", "--json")
    assert without_change(after) == without_change(before)
    assert after[0]["updated_at"] > before[0]["updated_at"]


def test_an_import_is_all_or_nothing(house: House) -> None:
    fill(house, "a", "b", "c")
    house.run("state", "export", "saved.jsonl")
    house.run("state", "delete", "a")
    house.run("state", "set", "b", "mine")
    done = house.run("state", "import", "saved.jsonl")
    assert done.returncode == 2
    assert "saved.jsonl: nothing imported: 2 keys already exist: b, c; give --replace" in done.stderr
    assert keys(house) == ["b", "c"]
    assert house.run("state", "import", "saved.jsonl", "--replace").stdout == "imported 3 keys\n"
    assert house.run("state", "get", "b").stdout == "b\n"


def test_an_export_that_can_not_be_written_leaves_the_old_one(house: House) -> None:
    fill(house, "a")
    done = house.run("state", "export", "no such folder/x")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert not list(Path(house.folder).glob("no such*"))


def test_a_run_writes_what_the_command_line_finds_and_reads_what_it_sets(house: House) -> None:
    house.write("writer.toml", WRITER)
    assert house.run("run", "writer.toml").returncode == 0
    [made] = house.json("state", "list", "--guild", "42", "--json")
    assert made["key"].endswith(".42.channel.a%2Eb%20news")
    assert keys(house, "--narrative", "writer") == ["narrative.writer.room"]
    reader = '[narrative]\nname = "reader"\n[acts]\nsay = "{state.greeting}: {state.narrative.writer.room.name}"\n'
    house.write("reader.toml", reader)
    house.run("state", "set", "global.greeting", "Good morning {state.x}")
    assert house.run("run", "reader.toml").returncode == 0
    [act] = house.json("runs", "show", "latest", "--json")["iterations"][0]["acts"]
    assert act["prompt"] == "Good morning {state.x}: a.b-news"
