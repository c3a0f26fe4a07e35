"""Listings at the widths of a terminal: no line is too long, and what matters is whole. Asks no service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from botticelli.cli.base.context import Invocation
from botticelli.cli.base.layout import cells, wrapped
from botticelli.cli.budget.budget_explain import lines as explained
from botticelli.cli.data import content_command
from botticelli.cli.data.state_command import state
from botticelli.cli.effects.effects_command import effects
from botticelli.cli.narrative.narrative_command import narrative
from botticelli.cli.system import doctor_command, services_command
from botticelli.cli.system.doctor_checks import Finding
from botticelli.settings import load_settings
from botticelli.statuses import EFFECT_STATUSES, EffectStatus
from botticelli.store import Effect
from botticelli.store.user_data.state import StateEntry
from tests.unit.cli.follow.test_cli_views import USAGE

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN_ID = "88d4cd44-1902-44f8-9685-a5788d1719f6"
LONG = "a reason of many words that goes on and on until it is longer than any terminal of our days, 終わり " * 2


@pytest.fixture(params=[60, 80, 100, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def shown(command: click.Command, *arguments: str, width: int, **parts: Any) -> str:
    """Return what a command prints over these parts of a transaction, with all blanks taken out."""

    @contextmanager
    def transaction() -> Iterator[Any]:
        yield SimpleNamespace(connection=None, **parts)

    invocation = Invocation(None, {})
    vars(invocation)["runtime"] = SimpleNamespace(store=SimpleNamespace(transaction=transaction))
    vars(invocation)["settings"] = load_settings({}, environ={"BOTTICELLI_HOME": "/srv/data"}, cwd=Path.cwd())
    result = CliRunner().invoke(command, list(arguments), obj=invocation)
    assert result.exit_code in (0, 1), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert max(map(cells, result.output.splitlines())) <= width, result.output
    return "".join(result.output.split())


def holds(text: str, *needed: str) -> bool:
    return all("".join(part.split()) in text for part in needed)


def test_state_fits_and_keeps_keys(width: int) -> None:
    key = "narrative.a_narrative_with_a_long_name.topics"
    entry = StateEntry({"text": LONG}, created_at=NOW, updated_at=NOW, expires_at=None, metadata={})
    store = SimpleNamespace(list_with_prefix=lambda *_: {key: entry, "global.x": entry})
    assert holds(shown(state, "list", width=width, state=store), "narrative.a_na", "global.x")


@pytest.mark.parametrize("status", EFFECT_STATUSES)
def test_effects_fit_and_keep_ids_and_statuses(width: int, status: EffectStatus) -> None:
    effect = Effect(
        key="f" * 40,
        run_id=RUN_ID,
        number=1,
        act="clear",
        platform="discord",
        command="messages.bulk_delete",
        args={"content": LONG},
        status=status,
        error=LONG,
        intended_at=NOW,
    )
    store = SimpleNamespace(recent=lambda **_: [effect] * 3)
    text = shown(effects, "list", width=width, effects=store)
    assert holds(text, "ffffffff", status, RUN_ID[:8]) and "messages" in text


def test_content_rows_fit_and_keep_ids_and_reviews(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": 123_456, "review_status": "pending", "rating": 5, "generated_at": NOW, "text": LONG, "title": LONG}

    @contextmanager
    def rows(*_: Any) -> Iterator[Any]:
        yield SimpleNamespace(newest=lambda **_: [row] * 3)

    monkeypatch.setattr(content_command, "_rows", rows)
    assert holds(shown(content_command.content, "list", "posts", width=width), "123456", "pending", "5")


def test_narratives_fit_and_keep_files(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a_narrative_with_quite_a_long_name_for_a_table"
    head = f'[narrative]\nname = "{name}"\ndescription = "{LONG}"\n'
    Path("named.toml").write_text(f'{head}[acts]\na = "x"\n', encoding="utf-8")
    Path("broken.toml").write_text("[narrative", encoding="utf-8")
    assert holds(shown(narrative, "list", ".", width=width), "named.toml", "broken.toml", "a_narrative_w")


@pytest.mark.parametrize("state_", ["ok", "note", "warn", "fail"])
def test_doctor_fits_and_keeps_what_to_do(width: int, state_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("postgres-clock", state_, LONG, "set BOTTICELLI_DATABASE_URL to a server of your own")
    monkeypatch.setattr(doctor_command, "_findings", lambda *_: iter([finding] * 2))
    text = shown(doctor_command.doctor, width=width)
    assert holds(text, state_, "postgres-clock", "終わり", "set BOTTICELLI_DATABASE_URL to a server of your own")


def test_services_fit_and_keep_states(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    service = {"name": "postgres", "state": "running", "version": "18.4", "uptime_seconds": 360_000, "pid": 1_234_567}
    service |= {"users": 12, "pinned": True, "detail": LONG, "url": None}
    monkeypatch.setattr(services_command, "statuses", lambda _: [service])
    text = shown(services_command.services, "status", width=width)
    assert holds(text, "/srv/data", "postgres", "running", "version18.4", "process1234567", "keptrunning")


def test_explanation_of_budget_fits_and_keeps_numbers(width: int) -> None:
    act = {"narrative": "a_narrative_with_a_long_name", "act": "an_act_with_a_long_name", "calls": 123_456}
    act |= {"model": "openai-compatible/a-model-of-a-long-name", "estimated_tokens": 1_000_000, "p90_tokens": 1_234_567}
    acts = [SimpleNamespace(**act, actual_tokens=1_234_567, doubtful_calls=7)]
    holder = {"run_id": RUN_ID, "number": 7, "narrative": "a_narrative_with_a_long_name"}
    differs = {"name": "rpm", "limit": 1_000, "configured": None, "differs": True, "followed": None, "bounds": None}
    followed = {**differs, "followed": 900, "bounds": [5, 5_000_000]}
    learned = [differs, followed]
    explanation = {"usage": USAGE, "limits": {"source": LONG}, "overrides": [], "holders": [holder], "learned": learned}
    explanation |= {"acts": acts, "guard": {"guard_ms": 25, "least_ms": 25, "most_ms": 2_000}}
    said = explained(explanation)
    assert max(map(cells, said)) <= width, "\n".join(said)
    text = "".join("".join(said).split())
    assert holds(
        text, "12 + 3 held of 30", RUN_ID, "configured: none", "in force: 900", "1,234,567", "doubtful usage: 7"
    )


@pytest.mark.parametrize("text", ["終わり " * 60, "words and 終わり " * 20, "é" * 30 + " x" * 80, "  終" * 90])
def test_wrapped_line_of_wide_letters_fits(width: int, text: str) -> None:
    lines = wrapped(text, width)
    assert max(map(cells, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
