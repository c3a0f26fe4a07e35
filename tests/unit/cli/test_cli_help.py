"""Help, version and completion: everywhere, complete, and fast because nothing heavy is imported for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from botticelli import __version__
from botticelli.cli.main import COMMANDS, MODULES, root

SDKS = {"genai_prices", "openai", "anthropic", "google", "httpx2", "xllamacpp"}
HEAVY = {"sqlalchemy", "celery", "redis", "rich", "kombu", "pydantic"} | SDKS


def paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every command and of everything below it."""
    collected = [path]
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            collected += paths(below, (*path, name))
    return collected


@pytest.mark.parametrize("path", paths(root), ids=" ".join)
def test_every_command_has_help(call, path):
    result = call(*path, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: botticelli")
    assert "--help" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_top_group_is_that_of_the_commands(name):
    command = getattr(import_module(f"botticelli.cli.{MODULES[name]}"), name)
    assert command.get_short_help_str(limit=200) == COMMANDS[name]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["runs", "show", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(tmp_path, arguments):
    code = (
        "import sys, json, atexit; sys.argv = ['botticelli', *json.loads(sys.argv[1])]\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from botticelli.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    imported = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert "click" in imported
    assert not imported & HEAVY


def test_the_version_is_that_of_the_package(call):
    assert call("--version").output == f"botticelli {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_this_command(call, shell):
    result = call("completion", shell)
    assert result.exit_code == 0
    assert f"_BOTTICELLI_COMPLETE={shell}_complete" in result.output


NARRATIVES = {
    "echo": 'say = "Say hello."',
    "gemini": '[acts.say]\nmodel = "gemini/gemini-3.8-flash"\nprompt = "Say hello."',
    "anthropic": '[acts.say]\nmodel = "anthropic/claude-haiku-5-5"\nprompt = "Say hello."',
    "openai": '[acts.say]\nmodel = "openai-compatible/x"\nprompt = "Say hello."',
}


@pytest.mark.parametrize("provider", NARRATIVES)
def test_narrative_check_imports_only_what_reads_a_narrative(home, provider):
    """Neither Postgres nor Redis, nor an SDK, nor the parser of SQL."""
    Path("one.toml").write_text(f'[narrative]\nname = "one"\n[acts]\n{NARRATIVES[provider]}\n')
    code = (
        "import sys, json, atexit; sys.argv = ['botticelli', 'narrative', 'check', 'one.toml']\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules))))\n"
        "from botticelli.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    verdict, modules = done.stdout.splitlines()
    imported = {name.partition(".")[0] for name in json.loads(modules)}
    assert verdict == "one.toml: ok"
    assert "pydantic" in imported
    assert not imported & ((HEAVY | {"sqlglot", "psycopg2"}) - {"pydantic"})


def complete(words: str, **environment: str) -> list[str]:
    """Return the completions that bash gets for the last of `words`."""
    known = {"_BOTTICELLI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    code = "from botticelli.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **known, **environment},
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_and_statuses_complete(home):
    assert complete("botticelli ru") == ["run", "runs"]
    assert complete("botticelli runs list --status bu") == ["budget_exhausted"]


@pytest.mark.parametrize(
    ("words", "verbs"),
    [
        ("botticelli runs ", {"list", "show", "watch", "pause", "cancel"}),
        ("botticelli budget e", {"explain"}),
        ("botticelli effects a", {"approve"}),
        ("botticelli state ", {"list", "get", "set"}),
        ("botticelli --set worker.threads=2 content ", {"tables", "list", "review"}),
        ("botticelli narrative c", {"check", "convert"}),
        ("botticelli runs show --j", {"--json"}),
        ("botticelli runs --st", set()),
        ("botticelli --c", {"--config"}),
        ("botticelli completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_verbs_of_a_noun_complete(home, words, verbs):
    assert verbs <= set(complete(words))


def test_shipped_narratives_and_files_complete_beside_those_of_the_settings(home):
    Path("botticelli.toml").write_text('[narratives]\npath = ["mine"]\n')
    Path("mine").mkdir()
    Path("mine/daily_news.toml").touch()
    assert complete("botticelli run da") == ["daily_news", "daily_digest", "da"]
    assert complete("botticelli narrative check da") == ["daily_news", "daily_digest", "da"]


COMPLETIONS = [
    "botticelli ",
    "botticelli runs ",
    "botticelli run da",
    "botticelli runs show ",
    "botticelli narrative ",
    "botticelli narrative check da",
    "botticelli state get ",
    "botticelli content list ",
    "botticelli budget explain ",
    "botticelli effects approve ",
]


@pytest.mark.parametrize("words", COMPLETIONS)
@pytest.mark.parametrize("url", ["", "postgresql://x@127.0.0.1:1/none"])
def test_completing_imports_nothing_heavy(home, words, url):
    """Also where a database is named that isn't up."""
    code = (
        "import sys, json, atexit\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from botticelli.cli.main import main; main()"
    )
    known = {"_BOTTICELLI_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    environment = {**os.environ, **known, **({"DATABASE_URL": url} if url else {})}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    imported = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert "click" in imported
    assert not imported & HEAVY
    assert not home.exists()


def test_narratives_complete_by_name(home):
    folder = Path("narratives")
    folder.mkdir()
    for name in ("digest", "diary", "other"):
        (folder / f"{name}.toml").touch()
    assert complete("botticelli run di")[:2] == ["diary", "digest"]


def test_completing_a_run_starts_no_service(home):
    assert complete("botticelli runs show ") == []
    assert not home.exists()


def test_completing_with_broken_settings_is_silent(home):
    Path("botticelli.toml").write_text("nonsense = [")
    assert complete("botticelli runs show ") == []
