"""`botticelli notify` over real servers and a real receiver: list, test, deliveries, replay, on, watch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from botticelli.cli.main import root
from botticelli.notices.deliverer import Deliverer
from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.servers.receiver import Receiver

Call = Callable[..., Result]


@pytest.fixture
def targets(hook: Receiver) -> list[dict[str, Any]]:
    ops = {"name": "ops", "on": ["run.completed", "worker.none"], "url": hook.url, "allow_private": True}
    return [
        ops | {"secret_envs": ["NOTIFY_SECRET"]},
        {"name": "chat", "on": ["run.failed"], "kind": "discord", "url_env": "CHAT_URL"},
    ]


@pytest.fixture
def ops(notifying: Callable[..., Runtime], targets: list[dict[str, Any]]) -> Runtime:
    runtime = notifying(*targets)
    Deliverer(runtime).register()
    return runtime


@pytest.fixture
def call(ops: Runtime, targets: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.setenv("BOTTICELLI_DATABASE_URL", ops.database_url)
    monkeypatch.setenv("BOTTICELLI_REDIS_URL", ops.redis_url)
    monkeypatch.setenv("BOTTICELLI_REDIS__PREFIX", ops.settings.redis.prefix)
    monkeypatch.setenv("BOTTICELLI_NOTIFY", json.dumps(targets))
    monkeypatch.delenv("CHAT_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(root, ["notify", *arguments])


def answer(call: Call, *arguments: str, exit_code: int = 0) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def end_run(runtime: Runtime) -> None:
    perform_all(runtime, start(runtime, narrative_text(1)).id)


def test_list_shows_what_is_off_and_what_is_not_set_and_no_address(call: Call, ops: Runtime, hook: Receiver) -> None:
    hook.status = 410
    end_run(ops)
    Deliverer(ops).flush(60)
    first, second = answer(call, "list")
    assert (first["name"], first["state"], first["pending"]) == ("ops", "off", 1)
    assert "410" in first["off_reason"]
    assert "environment variable CHAT_URL: is not set" in second["problem"]
    shown = call("list").output
    assert "mend that, then `botticelli notify on ops`" in shown
    assert hook.url not in shown


@pytest.mark.parametrize(
    "address", ["https://[hunter2", "hunter2", "https://a:hunter2@x.test/y", "http://x.test/hunter2"]
)
def test_wrong_address_in_a_variable_is_named_and_not_shown(
    call: Call, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CHAT_URL", address)
    problem = answer(call, "list")[1]["problem"]
    assert "CHAT_URL" in problem or "is not an https URL" in problem
    tried = call("test", "chat")
    assert tried.exit_code == 1
    assert "hunter2" not in problem + tried.output


def test_target_that_is_switched_on_gets_what_waits(call: Call, ops: Runtime, hook: Receiver) -> None:
    hook.status = 410
    end_run(ops)
    Deliverer(ops).flush(60)
    hook.status = 200
    assert answer(call, "on", "ops") == {"target": "ops", "pending": 1}
    Deliverer(ops).flush(60)
    assert [row["status"] for row in answer(call, "deliveries", "--target", "ops")] == ["delivered"]


def test_replay_delivers_again_under_the_same_id(call: Call, ops: Runtime, hook: Receiver) -> None:
    end_run(ops)
    Deliverer(ops).flush(60)
    (delivery,) = answer(call, "deliveries", "--status", "delivered")
    answer(call, "replay", delivery["notice_id"][:8])
    Deliverer(ops).flush(60)
    assert hook.ids == [delivery["notice_id"]] * 2
    assert [row["attempts"] for row in answer(call, "deliveries")] == [1]


def test_test_sends_one_message_to_each_target_and_fails_for_one_that_does_not_take_it(
    call: Call, hook: Receiver
) -> None:
    good, bad = answer(call, "test", exit_code=1)
    assert (good["target"], good["delivered"], good["answer"]) == ("ops", True, 204)
    assert bad["delivered"] is False and "CHAT_URL: is not set" in bad["error"]
    assert answer(call, "test", "ops")[0]["delivered"] is True
    assert [json.loads(request.body)["type"] for request in hook.requests] == ["notify.test"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("test", "opps"), "there is no target 'opps'; did you mean ops?"),
        (("on", "x"), "there is no target 'x'; see `botticelli notify list`"),
        (("replay", "zzz"), "there is no notice 'zzz'; see `botticelli notify deliveries`"),
        (("replay", "zzz", "--target", "opps"), "there is no target 'opps'"),
        (("deliveries", "--status", "lost"), "Invalid value for '--status'"),
    ],
)
def test_wrong_name_is_one_line_and_exit_code_2(call: Call, arguments: tuple[str, ...], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output


def test_watch_tells_that_no_worker_is_alive(call: Call, ops: Runtime, hook: Receiver) -> None:
    start(ops, narrative_text(1))
    with ops.store.transaction() as tx:
        tx.connection.execute(
            text("update runs set created_at = now() - interval '1 h', due_at = now() - interval '1 h'")
        )
    assert "no worker has been alive ever; 1 run is due since" in call("watch", "--once").output
    assert call("watch", "--once").output == ""
    (request,) = hook.requests
    assert json.loads(request.body)["type"] == "worker.none"
    assert json.loads(request.body)["data"]["due_runs"] == 1
