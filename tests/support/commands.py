"""Builds acts of one bot command each, runs them, and reads their results."""

from __future__ import annotations

import json
from typing import Any

from botticelli.runtime.process import Runtime
from botticelli.store import ActRow, Run
from botticelli.testing.discord import GUILD
from tests.support.narratives import narrative_text, perform_all, start


def act(name: str, command: str, skip_if: str = "", /, **args: Any) -> str:
    condition = f"skip_if = {json.dumps(skip_if)}\n" if skip_if else ""
    written = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in args.items())
    head = f"[acts.{name}]\noutput_var = {json.dumps(name)}\n{condition}[[acts.{name}.input]]\n"
    return f'{head}type = "bot_command"\ncommand = {json.dumps(command)}\nargs = {{ {written} }}\n'


def play(runtime: Runtime, *acts: str, iterations: int = 1, **options: Any) -> tuple[Run, dict[str, ActRow]]:
    run = perform_all(runtime, start(runtime, narrative_text(iterations, "\n".join(acts), **options)).id)
    with runtime.store.transaction() as tx:
        return run, {row.name: row for row in tx.acts.of_iteration(run.id, 1)}


def outputs(acts: dict[str, ActRow]) -> dict[str, Any]:
    return {name: json.loads(row.output or "null") for name, row in acts.items()}


def create(skip_if: str = "", name: str = "news") -> str:
    return act("made", "channels.create", skip_if, guild_id=GUILD, name=name)


def state(runtime: Runtime, key: str) -> Any:
    with runtime.store.transaction() as tx:
        entry = tx.state.get(key)
    return entry.value if entry else None
