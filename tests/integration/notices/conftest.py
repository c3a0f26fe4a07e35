"""A receiver of webhooks, and runtimes whose settings name it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.runtime.process import Runtime
from tests.support.servers.receiver import Receiver, receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "b" * 32
EVENTS = ["run.completed", "run.failed", "run.paused"]


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def notifying(make_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runtime]:
    """Runtimes with the given targets; each is a webhook in one's own network unless it says something else."""
    monkeypatch.setenv("NOTIFY_SECRET", SECRET)
    monkeypatch.setenv("NOTIFY_OTHER_SECRET", OTHER_SECRET)

    def make(*targets: dict[str, Any]) -> Runtime:
        usual = {"on": EVENTS, "allow_private": True}
        signed = {"secret_envs": ["NOTIFY_SECRET"]}
        filled = [usual | (signed if target.get("kind", "webhook") == "webhook" else {}) | target for target in targets]
        return make_runtime(notify=json.dumps(filled))

    return make


def pass_time(runtime: Runtime, seconds: float) -> None:
    """Let time go by for deliveries and targets."""
    with runtime.store.transaction() as tx:
        for statement in (
            "update notice_deliveries set due_at = due_at - make_interval(secs => :seconds)",
            "update notice_targets set held_until = held_until - make_interval(secs => :seconds),"
            " not_before = not_before - make_interval(secs => :seconds)",
        ):
            tx.connection.execute(text(statement), {"seconds": seconds})
