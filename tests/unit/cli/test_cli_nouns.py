"""The commands that need no service: narrative check, services without any, and what other commands print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from botticelli.budget import Amounts, ScopeUsage, Window, WindowUsage
from botticelli.cli.follow.budget_bars import gauge_lines
from botticelli.cli.runs.run_details import _act_lines
from botticelli.monitoring.budgets.scope_usage import as_object
from botticelli.settings import shown_url
from botticelli.store import ActRow, Iteration

GOOD = '[narrative]\nname = "good"\n[acts]\none = "Say hello"\n'
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_a_good_narrative_is_ok(call):
    Path("good.toml").write_text(GOOD)
    result = call("narrative", "check", "good.toml")
    assert (result.exit_code, result.stdout) == (0, "good.toml: ok\n")


def test_one_bad_narrative_among_good_ones_is_exit_code_2(call):
    Path("good.toml").write_text(GOOD)
    Path("bad.toml").write_text(GOOD.replace("Say hello", "{act.two.output}"))
    result = call("narrative", "check", "good.toml", "bad.toml", "missing.toml", "--json")
    assert result.exit_code == 2
    reports = json.loads(result.stdout)
    assert [(report["file"], report["ok"]) for report in reports] == [
        ("good.toml", True),
        ("bad.toml", False),
        ("missing.toml", False),
    ]
    assert reports[1]["problems"][0]["line"] == 4


def test_check_finds_faults_that_otherwise_only_enqueue_finds(call):
    Path("good.toml").write_text(GOOD.replace("[acts]", 'model = "nobody/model"\n[acts]'))
    result = call("narrative", "check", "good.toml")
    assert result.exit_code == 2
    assert "there is no driver 'nobody'" in result.stderr


def test_a_narrative_is_found_by_its_name(call):
    Path("narratives").mkdir()
    Path("narratives/good.toml").write_text(GOOD)
    assert call("narrative", "check", "good").exit_code == 0


SEVERAL = '[narrative.a]\ntoc = ["x"]\n[narrative.b]\ntoc = ["y"]\n[acts]\nx = "X"\ny = "{{nobody}}"\n'


def test_all_narratives_of_a_file_are_checked_or_the_one_that_is_named(call):
    Path("two.toml").write_text(SEVERAL)
    result = call("narrative", "check", "two.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "two.toml:7:6: [acts] y: {{nobody}}: there is no act nobody" in result.stderr
    for words in (["two.toml", "--name", "a"], ["two.toml#a"]):
        assert call("narrative", "check", *words).stdout == "two.toml: ok\n"
    assert "choose one by its name: a, b" in call("run", "two.toml").stderr
    assert "give either #NAME or --name" in call("run", "two.toml#a", "--name", "b").stderr
    Path("two.toml").write_text(SEVERAL.replace("{{nobody}}", "Y"))
    result = call("narrative", "check", "two.toml", "--json")
    assert json.loads(result.stdout)[0]["narratives"] == ["a", "b"]


def test_services_status_starts_nothing(call, home):
    result = call("services", "--json")
    assert result.exit_code == 0
    assert [(service["name"], service["state"]) for service in json.loads(result.stdout)["services"]] == [
        ("postgres", "stopped"),
        ("redis", "stopped"),
    ]
    assert not home.exists()


def test_a_configured_server_is_shown_without_its_password(call, monkeypatch):
    monkeypatch.setenv("BOTTICELLI_REDIS_URL", "redis://:hunter2@example.org/0")
    result = call("services")
    assert "redis     configured: redis://:***@example.org/0" in result.stdout
    assert "hunter2" not in result.stdout


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://:pass@host/0", "redis://:***@host/0"),
        ("postgresql+psycopg2://user:p%40ss@[::1]:5432/db?x=1", "postgresql+psycopg2://user:***@[::1]:5432/db"),
        ("postgresql+psycopg2://user@/db?host=/run", "postgresql+psycopg2://user@/db?host=/run"),
    ],
)
def test_urls_without_passwords(url, shown):
    assert shown_url(url) == shown


def usage(*windows: WindowUsage) -> ScopeUsage:
    return ScopeUsage("echo/echo@small", windows, Amounts(1, 100), 1)


def test_a_scope_without_windows_has_no_limit():
    assert gauge_lines([usage()]) == ["echo/echo@small", "  no limit"]


def test_every_window_has_its_figures():
    shown = as_object(usage(WindowUsage(Window("tokens", 1000, 60), 700, 100, 3000)))
    assert shown["scope"] == "echo/echo@small"
    assert shown["windows"] == [
        {
            "window": "tokens/60s",
            "metric": "tokens",
            "limit": 1000,
            "period_seconds": 60,
            "kind": "sliding",
            "zone": None,
            "used": 700,
            "held": 100,
            "remaining": 200,
            "resets_after_ms": 3000,
            "reopening": False,
        }
    ]


def test_text_of_a_model_is_escaped_and_keeps_its_line_ends():
    iteration = Iteration("r", 7, "succeeded", 1, "host:1", None, NOW, NOW, NOW)
    act = ActRow(
        run_id="r",
        number=7,
        position=0,
        name="draft",
        status="done",
        prompt="say it",
        output="one\r\n\x1b[31mtwo",
        model="echo/echo",
        cost_usd=Decimal("0.5"),
        tries=2,
        fencing_token=1,
        started_at=NOW,
    )
    lines = _act_lines(iteration, [act])
    at = lines.index("  draft 1, output:")
    assert lines[at + 1 : at + 3] == ["    one", "    \\x1b[31mtwo"]
    assert any(
        line.split() == ["draft", "1", "done", "echo/echo", "0", "0", "$0.5000", "2", "-", "-", "-"] for line in lines
    )
