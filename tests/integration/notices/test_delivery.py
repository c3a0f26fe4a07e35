"""Delivers notices to a real receiver over HTTP: signed, retried, under one id, and never to somebody who left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botticelli import verify_webhook
from botticelli.notices.deliverer import Deliverer
from botticelli.notices.retry_schedule import MAX_ATTEMPTS
from botticelli.runtime.process import Runtime
from botticelli.store import DeliveryRow, TargetState
from tests.integration.notices.conftest import OTHER_SECRET, SECRET, pass_time
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.servers.receiver import Received, Receiver
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]
Notifying = Callable[..., Runtime]
DELIVER = """
from botticelli.notices.deliverer import Deliverer
from botticelli.runtime.process import Runtime
from botticelli.settings import load_settings
Deliverer(Runtime(load_settings())).flush(60)
"""


def environment_of(runtime: Runtime) -> dict[str, str]:
    """Return the environment of another process with the same settings."""
    target = runtime.settings.notify[0].model_dump(exclude_defaults=True, mode="json")
    assert runtime.settings.notify[0].url is not None
    return dict(os.environ) | {
        "BOTTICELLI_DATABASE_URL": runtime.database_url,
        "BOTTICELLI_REDIS_URL": runtime.redis_url,
        "BOTTICELLI_REDIS__PREFIX": runtime.settings.redis.prefix,
        "BOTTICELLI_NOTIFY": json.dumps([target | {"url": runtime.settings.notify[0].url.get_secret_value()}]),
        "PYTHONPATH": str(ROOT),
    }


def deliver(runtime: Runtime) -> None:
    """Make one pass, and wait until its attempts are over."""
    Deliverer(runtime).flush(60)


def end_runs(runtime: Runtime, count: int = 1, **options: object) -> list[str]:
    return [perform_all(runtime, start(runtime, narrative_text(1), **options).id).id for _ in range(count)]


def deliveries(runtime: Runtime) -> list[DeliveryRow]:
    with runtime.store.transaction() as tx:
        return tx.deliveries.recent()


def target_state(runtime: Runtime, name: str = "ops") -> TargetState:
    with runtime.store.transaction() as tx:
        return tx.notice_targets.states()[name]


def runs_in(requests: list[Received]) -> list[Any]:
    return [json.loads(request.body)["data"]["run_id"] for request in requests]


@pytest.fixture
def ops(notifying: Notifying, hook: Receiver) -> Runtime:
    """A runtime with one target, `ops`, which is known already."""
    runtime = notifying({"name": "ops", "url": hook.url})
    deliver(runtime)
    return runtime


def test_end_of_a_run_is_told_once_with_a_signature_that_its_receiver_can_check(ops: Runtime, hook: Receiver) -> None:
    (run_id,) = end_runs(ops)
    for _ in range(2):
        deliver(ops)
    (request,) = hook.requests
    event = verify_webhook(request.headers, request.body, SECRET)
    assert (event["type"], event["data"]["run_id"], event["data"]["status"]) == ("run.completed", run_id, "completed")
    assert (event["data"]["iterations"], event["data"]["succeeded"]) == (1, 1)
    assert len(request.body) < 20_000 and "output" not in event["data"]
    (delivery,) = deliveries(ops)
    assert (delivery.status, delivery.attempts, delivery.answer) == ("delivered", 1, 204)


def test_webhook_is_signed_by_both_secrets_while_they_are_rotated(notifying: Notifying, hook: Receiver) -> None:
    runtime = notifying({"name": "ops", "url": hook.url, "secret_envs": ["NOTIFY_OTHER_SECRET", "NOTIFY_SECRET"]})
    deliver(runtime)
    end_runs(runtime)
    deliver(runtime)
    (request,) = hook.requests
    for secret in (SECRET, OTHER_SECRET):
        assert verify_webhook(request.headers, request.body, secret)["type"] == "run.completed"


def test_target_is_told_only_what_its_filters_match_and_output_only_if_asked(
    notifying: Notifying, hook: Receiver
) -> None:
    runtime = notifying(
        {"name": "nightly", "url": f"{hook.url}/nightly", "tags": ["night*"], "include": ["output"]},
        {"name": "failures", "url": f"{hook.url}/failures", "on": ["run.failed"]},
        {"name": "others", "url": f"{hook.url}/others", "narratives": ["other"]},
    )
    deliver(runtime)
    tagged, _ = *end_runs(runtime, tags=["nightly"]), *end_runs(runtime)
    deliver(runtime)
    (request,) = hook.requests
    assert (request.path, runs_in([request])) == ("/hook/nightly", [tagged])
    assert json.loads(request.body)["data"]["output"]


def test_notice_from_before_a_target_was_known_is_not_told(notifying: Notifying, hook: Receiver) -> None:
    runtime = notifying({"name": "ops", "url": hook.url})
    end_runs(runtime)
    deliver(runtime)
    assert hook.requests == []


def test_receiver_that_is_down_for_two_hours_gets_each_event_once(ops: Runtime, hook: Receiver) -> None:
    hook.status = 503
    ended = []
    for _ in range(8):
        ended += end_runs(ops, 2)
        for _ in range(3):
            deliver(ops)
        pass_time(ops, 900)
    assert {delivery.status for delivery in deliveries(ops)} == {"pending"}
    hook.status, hook.requests = 200, []
    for _ in range(24):
        deliver(ops)
        pass_time(ops, 900)
    assert sorted(runs_in(hook.requests)) == sorted(ended)
    assert len(set(hook.ids)) == len(ended)
    assert {delivery.status for delivery in deliveries(ops)} == {"delivered"}


def test_delivery_keeps_its_id_over_all_attempts_and_the_last_failure_switches_the_target_off(
    ops: Runtime, hook: Receiver
) -> None:
    hook.status = 500
    end_runs(ops)
    for _ in range(MAX_ATTEMPTS + 2):
        deliver(ops)
        pass_time(ops, 30 * 3600)
    assert len(hook.ids) == MAX_ATTEMPTS and len(set(hook.ids)) == 1
    (delivery,) = deliveries(ops)
    assert (delivery.status, delivery.attempts, delivery.answer) == ("failed", MAX_ATTEMPTS, 500)
    assert "10 attempts over 75 hours failed; the last: the receiver answered 500" in str(target_state(ops).off_reason)


def test_target_that_is_gone_is_switched_off_and_told_what_it_missed_once_it_is_on_again(
    ops: Runtime, hook: Receiver
) -> None:
    hook.status = 410
    ended = end_runs(ops)
    deliver(ops)
    ended += end_runs(ops)
    deliver(ops)
    assert len(hook.requests) == 1
    assert "410" in str(target_state(ops).off_reason)
    hook.status, hook.requests = 200, []
    with ops.store.transaction() as tx:
        tx.notice_targets.switch_on("ops")
        tx.deliveries.make_due("ops")
    deliver(ops)
    assert sorted(runs_in(hook.requests)) == sorted(ended)


def test_redirect_is_a_failure_and_is_not_followed(ops: Runtime, hook: Receiver) -> None:
    hook.status, hook.headers = 307, {"Location": hook.url}
    end_runs(ops)
    deliver(ops)
    assert len(hook.requests) == 1
    (delivery,) = deliveries(ops)
    assert (delivery.status, delivery.answer) == ("pending", 307)
    assert "a redirect, which is not followed" in str(delivery.error)


def test_retry_after_is_respected_for_all_that_waits_for_the_target(ops: Runtime, hook: Receiver) -> None:
    hook.status, hook.headers = 429, {"Retry-After": "600"}
    end_runs(ops, 3)
    deliver(ops)
    pass_time(ops, 500)
    deliver(ops)
    assert len(hook.requests) == 1
    hook.status, hook.headers = 200, {}
    pass_time(ops, 200)
    deliver(ops)
    assert len(set(hook.ids)) == 3


def test_private_address_is_refused_unless_the_target_allows_it(notifying: Notifying, hook: Receiver) -> None:
    port = hook.url.split(":")[2].removesuffix("/hook")
    runtime = notifying({"name": "ops", "url": f"https://127.0.0.1:{port}/hook", "allow_private": False})
    deliver(runtime)
    end_runs(runtime)
    deliver(runtime)
    assert hook.requests == []
    (delivery,) = deliveries(runtime)
    assert "127.0.0.1 is not a public address; set allow_private = true" in str(delivery.error)


def test_missing_secret_is_named_and_nothing_is_sent(
    notifying: Notifying, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = notifying({"name": "ops", "url": hook.url, "secret_envs": ["NOTIFY_MISSING"]})
    deliver(runtime)
    end_runs(runtime)
    deliver(runtime)
    assert hook.requests == []
    assert "environment variable NOTIFY_MISSING: is not set" in str(deliveries(runtime)[0].error)


def test_slow_target_delays_no_other(notifying: Notifying, hook: Receiver) -> None:
    released, arrived = threading.Event(), threading.Event()

    def wait_when_slow(request: Received) -> None:
        if request.path.endswith("slow"):
            arrived.set()
            released.wait(60)

    hook.before = wait_when_slow
    runtime = notifying({"name": "slow", "url": f"{hook.url}/slow"}, {"name": "fast", "url": f"{hook.url}/fast"})
    deliverer = Deliverer(runtime)
    deliverer.tick()
    end_runs(runtime, 3)
    deliverer.tick()
    wait_until(lambda: len(hook.requests) == 3, "the fast target to have everything")
    assert arrived.wait(60)
    assert {request.path for request in hook.requests} == {"/hook/fast"}
    released.set()
    deliverer.flush(60)
    assert len(set(hook.ids)) == 3 and len(hook.requests) == 6


def test_two_deliverers_send_each_notice_once(ops: Runtime, hook: Receiver) -> None:
    end_runs(ops, 6)
    both = [Deliverer(ops), Deliverer(ops)]
    for deliverer in both:
        deliverer.tick()
    for deliverer in both:
        deliverer.flush(60)
    deliver(ops)
    assert len(hook.requests) == len(set(hook.ids)) == 6


def test_target_is_held_by_one_thread_until_that_is_silent_for_a_minute(ops: Runtime) -> None:
    def hold(holder: str) -> bool:
        with ops.store.transaction() as tx:
            return tx.notice_targets.hold("ops", holder, 60)

    assert (hold("first"), hold("second"), hold("first")) == (True, False, True)
    pass_time(ops, 61)
    assert (hold("second"), hold("first")) == (True, False)


def test_deliverer_killed_after_sending_sends_the_same_id_again(ops: Runtime, hook: Receiver, tmp_path: Path) -> None:
    (tmp_path / "notice_sent").touch()
    end_runs(ops)
    environment = environment_of(ops) | {"BOTTICELLI_FAILPOINTS": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", DELIVER], env=environment, cwd=tmp_path) as process:
        wait_until((tmp_path / "notice_sent.reached").exists, "the notice to be sent")
        process.kill()
    deliver(ops)
    assert len(hook.requests) == 1  # the target is still held
    pass_time(ops, 61)
    deliver(ops)
    assert len(hook.requests) == 2 and len(set(hook.ids)) == 1
    assert deliveries(ops)[0].status == "delivered"
