"""Notices of real workers: of one that serves a fleet, and of one that is there for a single run."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from botticelli import verify_webhook
from botticelli.store import NewRun
from tests.support.fleet.processes import House
from tests.support.narratives import narrative_text
from tests.support.servers.receiver import receiver
from tests.support.waiting import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_end_of_a_run_is_told_by_the_worker_that_ends_with_it_and_by_one_that_stays(house: House) -> None:
    with receiver() as hook:
        target = {"name": "ops", "on": ["run.completed", "run.failed"], "url": hook.url, "allow_private": True}
        house.settings |= {
            "BOTTICELLI_NOTIFY": json.dumps([target | {"secret_envs": ["NOTIFY_SECRET"]}]),
            "NOTIFY_SECRET": SECRET,
        }
        house.write("n.toml", narrative_text(1))
        assert house.run("run", "n.toml").returncode == 0
        wait_until(lambda: len(hook.requests) == 1, "the notice of the worker that ends")
        house.worker()
        with house.client() as client:
            client.enqueue(text=narrative_text(1)).wait(timeout_seconds=120)
        wait_until(lambda: len(hook.requests) == 2, "the notice of the worker that stays")
        events = [verify_webhook(request.headers, request.body, SECRET) for request in hook.requests]
        assert [event["type"] for event in events] == ["run.completed", "run.completed"]


def test_first_worker_after_an_absence_tells_how_long_nobody_was_there(house: House) -> None:
    with receiver() as hook:
        target = {"name": "ops", "on": ["worker.none"], "url": hook.url, "allow_private": True}
        house.settings |= {
            "BOTTICELLI_NOTIFY": json.dumps([target | {"secret_envs": ["NOTIFY_SECRET"]}]),
            "NOTIFY_SECRET": SECRET,
        }
        with house.client() as client, client._runtime.store.transaction() as tx:
            tx.runs.insert(NewRun("r1", "test", "test", 1))
            tx.connection.execute(
                text("update runs set created_at = now() - interval '1 h', due_at = now() - interval '1 h'")
            )
        house.worker()
        wait_until(lambda: hook.requests, "the notice of the absence")
        assert verify_webhook(hook.requests[0].headers, hook.requests[0].body, SECRET)["data"]["due_runs"] == 1


@pytest.mark.parametrize("event", ["run.fail", "boom"])
def test_unknown_event_ends_any_command_with_one_line(house: House, event: str) -> None:
    house.write("botticelli.toml", f'[[notify]]\nname = "ops"\non = ["{event}"]\nurl_env = "A"\nkind = "slack"\n')
    done = house.run("runs")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "botticelli.toml:3:7: notify.0.on.0 is not an event" in done.stderr
