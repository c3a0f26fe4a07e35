"""Every line that any command prints with `--json` is one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from botticelli.cli.main import root
from tests.support.fleet.processes import House

NARRATIVE = """
[narrative]
name = "gen"
[acts.topic]
prompt = "Name a topic."
output_var = "topic"
[acts.write]
prompt = "Write a post."
target = "posts"
"""
SETTINGS = """
[providers.echo.tiers.default]
rpm = 600
[[notify]]
name = "ops"
on = ["run.failed"]
kind = "slack"
url = "http://127.0.0.1:9/nobody"
"""
LONGEST_SECONDS = 240
COMMANDS = (
    "db upgrade",
    "services up",
    "services status",
    "services logs keeper",
    "db status",
    "plan gen.toml",
    "narrative plan gen.toml",
    "narrative list",
    "narrative check gen.toml",
    "narrative show gen.toml",
    "narrative convert gen.toml",
    "narrative new other",
    "narrative schema",
    "settings convert",
    "run gen.toml",
    "runs list",
    "runs show latest",
    "runs show latest --acts",
    "runs watch latest",
    "runs logs latest",
    "runs why latest",
    "runs export latest",
    "runs fork latest --from 1",
    "runs pause latest",
    "runs resume latest",
    "runs cancel latest",
    "runs retry latest",
    "runs prune --older-than 30d --dry-run",
    "budget show",
    "budget explain echo/echo",
    "budget audit",
    "budget history",
    "budget pause echo/echo",
    "budget resume echo/echo",
    "budget set echo/echo requests/60s 5 --reason less",
    "content tables",
    "content list posts",
    "content show posts 1",
    "content review posts 1 --approve",
    "content export posts",
    "content export posts rows.jsonl",
    "content delete posts 1 --yes",
    "effects list",
    "effects list --waiting",
    "effects show none",
    "effects approve --all --yes",
    "effects reject --all",
    "effects resolve none --retry",
    "state list",
    "state set global.mood good",
    "state get global.mood",
    "state get global.nothing",
    "state export state.jsonl",
    "state export -",
    "state import state.jsonl --replace",
    "state delete global.mood",
    "state clear --prefix global --yes",
    "runs rows latest",
    "schedules create gen.toml --name daily --cron @daily",
    "schedules apply gen.toml --dry-run",
    "schedules list",
    "schedules show daily",
    "schedules next daily",
    "schedules pause daily",
    "schedules resume daily",
    "schedules trigger daily",
    "schedules backfill daily --from 2d --to 1h",
    "schedules why daily",
    "schedules plan",
    "schedules delete daily --yes",
    "notify list",
    "notify test ops",
    "notify deliveries",
    "notify replay none",
    "notify on ops",
    "notify watch --once",
    "narrative forget gen --runs --yes",
    "init shop --provider echo",
    "prices list echo/echo",
    "prices update --from none.json",
    "doctor",
    "webhooks list",
    "webhooks deliveries",
    "webhooks test none",
    "metrics",
    "tokens create ci --scope read --scope enqueue --tenant acme --expires 30d",
    "tokens list",
    "tokens revoke none",
    "serve --host nowhere.invalid --port 0",
    "db downgrade 0001 --yes",
    "db upgrade",
    "services down --force",
)


def test_every_command_prints_one_json_document_per_line(house: House) -> None:
    house.write("gen.toml", NARRATIVE)
    house.write("botticelli.toml", SETTINGS)
    broken = {}
    for command in COMMANDS:
        done = house.run(*command.split(), "--json", timeout_seconds=LONGEST_SECONDS)
        lines = done.stdout.splitlines()
        if not lines and not command.startswith(("effects", "content list")):
            broken[command] = f"nothing: {done.stderr}"
        if bad := [line for line in lines if not is_document(line)]:
            broken[command] = bad[0]
    assert broken == {}


def test_every_command_but_completion_takes_json_and_is_called_above() -> None:
    commands = dict(leaves(root, ()))
    without = {name for name, command in commands.items() if not takes_json(command)}
    assert without == {"completion"}
    assert {name for name in commands if not any(f"{line} ".startswith(f"{name} ") for line in COMMANDS)} == without


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


def takes_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def is_document(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except ValueError:
        return False
