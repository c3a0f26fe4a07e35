"""Errors are printed as lines and as JSON, with the right exit code and never with a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import OperationalError

from botticelli.cli.base import error_lines
from botticelli.cli.main import Root, root
from botticelli.errors import NotFound, ServiceUnavailable
from botticelli.runtime import celery_command

BROKEN = '[narrative]\nname = "broken"\n[acts]\none = "{act.two.output}"\nthree = "{act.four.output}"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["run"], "Missing argument 'FILE_OR_NAME'"),
        (["run", "x.toml", "--iterations", "0"], "0 is not in the range"),
        (["run", "x.toml", "--var", "novalue"], "'novalue' is not NAME=VALUE"),
        (["runs", "show"], "Missing argument 'RUN'"),
        (["runs", "--status", "odd"], "'odd' is not one of"),
        (["--set", "novalue", "runs"], "'novalue' is not KEY=VALUE"),
        (["--set", "worker.threds=1", "runs"], "did you mean threads?"),
        (["--config", "missing.toml", "runs"], "missing.toml: can't be read"),
        (["run", "missing.toml"], "missing.toml: there is no such file"),
        (["run", "missing"], "there is no narrative 'missing'"),
        (["run", "./missing"], "'./missing' is not the name of a narrative"),
        (["services", "logs", "other"], "'other' is not one of"),
        (["db", "downgrade", "base"], "pass --yes"),
    ],
)
def test_invalid_input_is_one_line_and_exit_code_2(call, home, arguments, said):
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("botticelli: error: ")
    assert said in line
    assert not home.exists(), "no service was started to find that out"


def test_each_problem_of_a_narrative_is_a_line(call):
    Path("broken.toml").write_text(BROKEN)
    result = call("run", "broken.toml")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["broken.toml:4:8", "broken.toml:5:10"]
    assert all(line.startswith("botticelli: error: ") for line in lines)


def test_with_json_the_problems_are_one_object_on_stdout(call):
    Path("broken.toml").write_text(BROKEN)
    result = call("run", "broken.toml", "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert (said["event"], said["exit_code"]) == ("error", 2)
    assert [(problem["file"], problem["line"], problem["key"]) for problem in said["problems"]] == [
        ("broken.toml", 4, "one"),
        ("broken.toml", 5, "three"),
    ]
    assert len(result.stderr.splitlines()) == 2


def test_usage_errors_are_json_as_well(call):
    result = call("runs", "show", "--json")
    assert result.exit_code == 2
    assert "Missing argument 'RUN'" in json.loads(result.stdout)["problems"][0]["message"]


def failing(error: BaseException):
    """A command line whose one command raises."""

    @click.group(cls=Root)
    def top() -> None: ...

    @click.command()
    @click.option("--json", is_flag=True)
    def fail(json: bool) -> None:
        raise error

    top.get_command = lambda ctx, name: fail  # type: ignore[method-assign]
    return top


def foreign() -> OperationalError:
    return OperationalError("select secret from x", {"p": "hunter2"}, Exception("server closed\nwhile reading"))


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (NotFound("there is no run 'x'", do="see `botticelli runs`"), 2, "there is no run 'x'; see `botticelli runs`"),
        (ServiceUnavailable("it is away", where="here"), 1, "here: it is away"),
        (foreign(), 1, "OperationalError: server closed; run `botticelli doctor`"),
        (PermissionError(13, "Permission denied", "/x"), 1, "/x: Permission denied"),
        (click.Abort(), 130, "interrupted"),
        (NotFound("a\x1b]0;evil\x07\nname"), 2, "a\\x1b]0;evil\\x07\\nname"),
    ],
)
def test_every_error_is_one_line(error, code, line):
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert result.stderr == f"botticelli: error: {line}\n"
    assert result.stdout == ""


def test_ctrl_c_ends_the_line_that_it_broke():
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert (result.exit_code, result.stderr) == (130, "\nbotticelli: error: interrupted\n")


def test_a_defect_is_one_line_with_its_place():
    result = CliRunner().invoke(failing(ZeroDivisionError("division by zero")), ["fail", "--json"])
    assert result.exit_code == 1
    [problem] = json.loads(result.stdout)["problems"]
    assert problem["message"].startswith(
        "this is a defect in Botticelli: ZeroDivisionError: division by zero (test_cli"
    )
    assert "Traceback" not in result.stderr


KEY = "sk-proj-abcdefGHIJ1234567890"
FOREIGN = {
    "of a known kind": RuntimeError(f"the key {KEY} is bad"),
    "of several lines": RuntimeError(f"bad\nkey {KEY}"),
    "in a name of a file": PermissionError(13, "Permission denied", f"/{KEY}"),
    "of this process": RuntimeError("login with t9Kx4Wq7Zr2Mv5Ba failed"),
    "of a service": OperationalError("s", {}, Exception(f"no access with {KEY}")),
}


@pytest.mark.parametrize("error", FOREIGN.values(), ids=FOREIGN)
def test_error_of_a_plug_in_shows_no_secret(monkeypatch, error):
    monkeypatch.setenv("HOUSE_TOKEN", "t9Kx4Wq7Zr2Mv5Ba")
    result = CliRunner().invoke(failing(error), ["fail", "--json"])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert not any(secret in result.output for secret in ("abcdefGHIJ", "t9Kx4Wq7Zr2Mv5Ba"))


@pytest.mark.parametrize("error", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("command", ["worker", "flower"])
def test_error_of_a_plug_in_at_the_celery_command_shows_no_secret(monkeypatch, capsys, command, error):
    monkeypatch.setenv("HOUSE_TOKEN", "t9Kx4Wq7Zr2Mv5Ba")
    monkeypatch.setattr(celery_command, "celery_subcommand", lambda: command)
    with pytest.raises(SystemExit) as ended, celery_command.report_errors_in_one_line():
        raise error
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert type(error).__name__ in said
    assert not any(secret in said for secret in ("abcdefGHIJ", "t9Kx4Wq7Zr2Mv5Ba"))


@pytest.mark.parametrize("error", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("command", ["worker", "flower"])
def test_late_error_of_the_celery_command_shows_no_secret(monkeypatch, capsys, command, error):
    monkeypatch.setenv("HOUSE_TOKEN", "t9Kx4Wq7Zr2Mv5Ba")
    monkeypatch.setenv(celery_command.FLOWER_ADDRESS, "127.0.0.1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    celery_command.prepare(command)
    sys.excepthook(type(error), error, None)
    said = capsys.readouterr().err
    assert said
    assert not any(secret in said for secret in ("abcdefGHIJ", "t9Kx4Wq7Zr2Mv5Ba"))


def test_unreachable_postgres_is_one_line_without_the_password(home, monkeypatch):
    monkeypatch.setenv("BOTTICELLI_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/x")
    monkeypatch.setenv("BOTTICELLI_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    for arguments in (["runs"], ["db"], ["runs", "show", "latest"], ["budget"]):
        result = CliRunner().invoke(root, arguments)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert "hunter2" not in result.stderr


def test_a_reader_that_leaves_is_no_error(home):
    reading, writing = os.pipe()
    os.close(reading)
    code = "from botticelli.cli.main import main; main()"
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", code, "completion", "zsh"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_probe_makes_no_call(call):
    result = call("doctor", "--live", "--call")
    assert result.exit_code == 2
    assert "--live and --call exclude each other" in result.output


class OfAPlugIn:
    """An entry point of a plug-in in the module `acme_house`."""

    name, module = "acme", "acme_house.driver"


def raised_in(module, code="1 / 0"):
    """The error of code of a module of this name."""
    try:
        exec(compile(code, f"{module}.py", "exec"), {"__name__": module, "json": json})
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("module", "code", "owner"),
    [
        ("acme_house.driver", "1 / 0", "the plug-in acme"),
        ("acme_house.deep.inside", "json.loads('{')", "the plug-in acme"),
        ("botticelli.drivers", "1 / 0", "Botticelli"),
        ("workers.executor", "json.loads('{')", "Botticelli"),
        ("acme_house_of_others", "1 / 0", "Botticelli"),
    ],
)
def test_defect_names_the_owner_of_the_code_that_raised_it(monkeypatch, module, code, owner):
    monkeypatch.setattr(error_lines, "entry_points", lambda group: [OfAPlugIn])
    assert error_lines.described(raised_in(module, code)).startswith(f"this is a defect in {owner}: ")
