"""Commands for authors that need no service: narrative list, check of folders, new, convert, show, schema."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from botticelli.narrative import Environment, load_narrative
from botticelli.narrative.authoring.convert import convert
from botticelli.narrative.authoring.schema import narrative_schema
from botticelli.narrative.authoring.starters import FORMS, KINDS

GOOD = '[narrative]\nname = "good"\ndescription = "Greets"\n[acts]\none = "Say hello"\n'
LISTED = '# about\n[[act]]\nname = "one" # first\nprompt = "Say hello"\n'
RICH = """
[narrative]
name = "rich"
[narrative.variables]
who = "you"
[acts]
one = "Greet {var.who}"
[acts.two]
skip_if = "{state.done}"
output_var = "sent"
[acts.two.carousel]
iterations = 2
[[acts.two.input]]
content = "{act.one.output} {{previous}} {state.global.tone}"
[[acts.two.input]]
type = "bot_command"
command = "messages.send"
args = { channel_id = "1", content = "{{one}}" }
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_narrative_is_commented_accepted_and_planned(call, kind, form):
    name = f"my-{kind}"
    result = call("narrative", "new", name, "--kind", kind, "--form", form)
    assert (result.exit_code, result.stdout) == (0, f"wrote {name}.toml\n")
    text = Path(f"{name}.toml").read_text()
    assert text.count("#") >= 3
    load_narrative(Path(f"{name}.toml"), name=name, environment=Environment())
    rehearsed = ["--rehearse"] if kind == "discord" else []
    assert call("plan", f"{name}.toml", "--name", name, *rehearsed).exit_code == 0


def test_new_never_replaces_a_file_unless_it_is_told_to(call):
    Path("mine.toml").write_text("precious")
    refused = call("narrative", "new", "mine")
    assert refused.exit_code == 2
    assert "mine.toml: the file already exists; give --force" in refused.stderr
    assert Path("mine.toml").read_text() == "precious"
    assert call("narrative", "new", "mine", "--force", "--json").exit_code == 0
    assert Path("mine.toml").read_text().startswith("#")
    assert [name for name in os.listdir() if name.startswith(".mine")] == []


def test_new_goes_where_it_is_told(call):
    assert call("narrative", "new", "a", "--output", "-").stdout.startswith("# ")
    assert call("narrative", "new", "a", "--output", "b.toml").exit_code == 0
    assert [file.suffix for file in Path().glob("*.toml")] == [".toml"]
    bad = call("narrative", "new", "no name", "--json")
    assert (bad.exit_code, "is not a valid name" in bad.stderr) == (2, True)
    lost = call("narrative", "new", "a", "--output", "missing/a.toml")
    assert lost.exit_code == 1
    assert "missing/a.toml: can't be written" in lost.stderr


def test_convert_prints_replaces_or_writes(call):
    Path("a.toml").write_text(LISTED)
    after = convert(LISTED, source="a.toml", folder=Path())
    assert call("narrative", "convert", "a.toml").stdout == after
    assert json.loads(call("narrative", "convert", "a.toml", "--json").stdout) == {
        "file": "a.toml",
        "changed": True,
        "text": after,
    }
    assert call("narrative", "convert", "a.toml", "--output", "b.toml").exit_code == 0
    assert call("narrative", "convert", "a.toml", "--output", "b.toml").exit_code == 2
    Path("b.toml").write_text("older")
    assert call("narrative", "convert", "a.toml", "--output", "b.toml", "--force").exit_code == 0
    os.chmod("a.toml", 0o640)
    assert call("narrative", "convert", "a.toml", "--in-place").stdout == "a.toml is converted\n"
    assert Path("a.toml").read_text() == Path("b.toml").read_text() == after
    assert Path("a.toml").stat().st_mode & 0o777 == 0o640
    assert call("narrative", "convert", "a.toml", "--in-place").stdout == "a.toml is already in the table form\n"


def test_settings_convert_replaces_an_existing_output_only_with_force(call):
    Path("old.toml").write_text("[budget]\n")
    Path("new.toml").write_text("precious")
    refused = call("settings", "convert", "old.toml", "--output", "new.toml")
    assert refused.exit_code == 2
    assert "new.toml: the file already exists; give --force" in refused.stderr
    assert Path("new.toml").read_text() == "precious"
    assert call("settings", "convert", "old.toml", "--output", "new.toml", "--force").exit_code == 0
    assert "precious" not in Path("new.toml").read_text()


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("plcae", "did you mean {var.place}?"),
        ("Place", "did you mean {var.place}?"),
        ("places", "did you mean {var.place}?"),
        ("weather", ""),
    ],
)
def test_variable_without_a_default_gets_a_hint_only_when_it_is_nearly_another(call, written, hint):
    head = '[narrative]\nname = "a"\n[narrative.variables]\nplace = "Rome"\n'
    Path("a.toml").write_text(f'{head}[acts]\nsay = "Say {{var.{written}}} and {{var.place}}"\n')
    checked = call("narrative", "check", "a.toml")
    assert checked.exit_code == 0
    assert (hint in checked.stderr, "there is no variable" in checked.stderr) == (True, bool(hint))
    planned = call("run", "a.toml")
    assert planned.exit_code == 2
    assert f"--var {written}=VALUE" in planned.stderr
    assert ("did you mean {var.place}" in planned.stderr) == bool(hint)


def test_schema_is_printed_and_written(call):
    assert json.loads(call("narrative", "schema").stdout) == narrative_schema()
    assert json.loads(call("narrative", "schema", "--output", "s.json", "--json").stdout) == {"file": "s.json"}
    assert json.loads(Path("s.json").read_text()) == narrative_schema()


def test_show_resolves_acts(call):
    Path("rich.toml").write_text(RICH)
    printed = json.loads(call("narrative", "show", "rich.toml", "--json").stdout)
    first, two = printed["acts"]
    assert (first["needs"], first["references"], first["estimate_source"]) == ([], ["{var.who}"], "prompt")
    assert (two["needs"], two["turns"], two["reads"]) == (["one"], 2, ["done", "global.tone"])
    assert two["writes"] == ["narrative.rich.sent", "discord.GUILD.message.NAME"]
    assert two["effects"] == ["discord messages.send"]
    words = call("narrative", "show", "rich.toml").stdout
    assert "2. two (line 8)" in words
    assert "variable who = you" in words


def test_list_and_check_take_folders(call):
    for name, text in {"a/good.toml": GOOD, "a/b/bad.toml": "[acts]\none = 1\n", "a/.hidden/x.toml": GOOD}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    Path("a/botticelli.toml").write_text("[worker]\nthreads = 2\n")
    printed = json.loads(call("narrative", "list", "a", "--json").stdout)
    assert [(listed["file"], listed["name"], listed["problems"]) for listed in printed] == [
        ("a/b/bad.toml", None, 1),
        ("a/good.toml", "good", 0),
    ]
    result = call("narrative", "check", "a", "--json")
    assert result.exit_code == 2
    assert [(checked["file"], checked["ok"]) for checked in json.loads(result.stdout)] == [
        ("a/b/bad.toml", False),
        ("a/good.toml", True),
    ]
    assert call("narrative", "check", "a/good.toml", "a/good.toml").exit_code == 0
    Path("empty").mkdir()
    assert "no narrative in this folder" in call("narrative", "check", "empty").stderr


def test_the_bare_noun_lists_what_the_settings_name(call):
    Path("narratives").mkdir()
    Path("narratives/good.toml").write_text(GOOD)
    result = call("narrative")
    assert result.exit_code == 0
    assert "Greets" in result.stdout
    assert "daily_digest" in result.stdout


FOUNDING_SAMPLE = """
[bots.stats]
platform = "discord"
command = "server.get_stats"
guild_id = "YOUR_GUILD_ID_HERE"
[acts]
a = "bots.stats"
[acts.b]
model = "whisper-large-v3"
prompt = "x"
"""


def test_placeholder_of_a_founding_sample_is_a_warning_and_of_a_new_file_an_error(call):
    Path("old.toml").write_text('[toc]\norder = ["a", "b"]\n' + FOUNDING_SAMPLE)
    Path("new.toml").write_text('toc = ["a", "b"]\n' + FOUNDING_SAMPLE)
    old = call("narrative", "check", "old.toml")
    assert old.exit_code == 0
    assert "must be an id: digits; put yours before you run it" in old.stderr
    assert "no installed driver claims the model 'whisper-large-v3'" in old.stderr
    new = call("narrative", "check", "new.toml")
    assert new.exit_code == 2
    assert "must be an id" in new.stderr


def test_founding_settings_stop_no_command_and_are_converted_in_place(call):
    Path("botticelli.toml").write_text("[bot_server]\nenabled = false # off\n[budget]\nrpm_multiplier = 0.8\n")
    Path("good.toml").write_text(GOOD)
    result = call("narrative", "check", "good.toml")
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "bot_server" in line]
    assert line.endswith("have no effect: bot_server; run `botticelli settings convert`")
    assert call("settings", "convert", "--in-place").exit_code == 0
    assert Path("botticelli.toml").read_text().startswith("# [bot_server]\n# enabled = false # off\n")
    assert "bot_server" not in call("narrative", "check", "good.toml").stderr
