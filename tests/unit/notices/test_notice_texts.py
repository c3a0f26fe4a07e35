"""Tests what notices say, and to whom: thin bodies, words for people, no mention, filters, the times of retries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from botticelli.notices.fan_out import is_told
from botticelli.notices.retry_schedule import MAX_ATTEMPTS, retry_wait_seconds
from botticelli.notices.wording.chat_body import discord_body, slack_body
from botticelli.notices.wording.message_text import message_text
from botticelli.notices.wording.webhook_body import MAX_BYTES, webhook_body
from botticelli.settings.sections.notify import EVENTS, NotifyTarget
from botticelli.store import Notice

AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
RUN = {"run_id": "run-1", "narrative": "digest", "status": "failed", "iterations": 10, "succeeded": 4, "failed": 1}
EFFECT = {
    "effect_id": "e1",
    "run_id": "run-1",
    "narrative": "digest",
    "iteration": 2,
    "act": "post",
    "command": "m.send",
}
DATA: dict[str, dict[str, Any]] = {
    "run.completed": RUN | {"failed": 0, "cost_usd": 1.25},
    "run.failed": RUN | {"reason": "iteration 5: no key"},
    "run.budget_exhausted": RUN | {"reason": "gemini: 10 requested"},
    "run.paused": RUN | {"hold": "soft", "reason": "lunch"},
    "effect.waiting": EFFECT,
    "effect.decided": EFFECT | {"status": "approved", "decided_by": "ada", "edited": True, "reason": "clearer"},
    "effect.unknown": EFFECT | {"error": "an answer was lost"},
    "budget.threshold": {
        "scope": "gemini/x@free",
        "window": "250 requests per day",
        "percent": 80,
        "used": 200,
        "limit": 250,
    },
    "schedule.missed": {"schedule": "hourly", "missed": 2, "last_at": "2026-11-29T03:00:00Z", "reason": "too late"},
    "worker.none": {"due_runs": 3, "last_seen_at": "2026-11-29T02:00:00+00:00"},
}
COMMANDS = {
    "run.completed": "botticelli runs show run-1",
    "run.failed": "botticelli runs why run-1",
    "run.budget_exhausted": "botticelli runs resume run-1",
    "run.paused": "botticelli runs resume run-1",
    "effect.waiting": "botticelli effects approve e1",
    "effect.decided": "botticelli effects show e1",
    "effect.unknown": "botticelli effects show e1",
    "budget.threshold": "botticelli budget explain gemini/x@free",
    "schedule.missed": "botticelli schedules why hourly",
    "worker.none": "celery -A botticelli worker",
}


def notice(event: str = "run.failed", data: Any = None, **about: Any) -> Notice:
    usual: dict[str, Any] = {"run_id": "run-1", "narrative": "digest", "tags": [], "tenant": None} | about
    return Notice("n1", event, data=DATA[event] if data is None else data, created_at=AT, **usual)


def target(**keys: Any) -> NotifyTarget:
    return NotifyTarget.model_validate({"name": "t", "on": EVENTS, "kind": "slack", "url": "https://x.test"} | keys)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_says_what_why_and_the_command_that_helps(event: str) -> None:
    text = message_text(notice(event))
    assert text.command == COMMANDS[event]
    subject = DATA[event].get("narrative") or DATA[event].get("scope") or DATA[event].get("schedule") or "no worker"
    assert subject in text.title
    assert text.reason == (DATA[event].get("reason") or DATA[event].get("error") or "")


def test_body_of_a_webhook_is_thin() -> None:
    body = webhook_body(notice(tags=["nightly"], tenant="acme"))
    assert json.loads(body) == {
        "type": "run.failed",
        "timestamp": "2026-11-29T03:00:00.000000+00:00",
        "data": DATA["run.failed"] | {"tags": ["nightly"], "tenant": "acme"},
    }


@pytest.mark.parametrize(
    ("data", "output"),
    [
        (RUN | {"reason": "\N{PILE OF POO}" * 100_000}, None),
        (RUN | {f"key{number}": "x" * 5000 for number in range(60)}, None),
        (RUN | {f"key{number}": number for number in range(5000)}, None),
        (RUN, "\N{PILE OF POO}" * 100_000),
        (RUN, {"content": "\x00" * 100_000}),
    ],
)
def test_body_stays_small_whatever_it_tells(data: Any, output: Any) -> None:
    body = webhook_body(notice(data=data, tags=["\N{PILE OF POO}" * 300] * 100), output)
    assert len(body) < MAX_BYTES
    assert json.loads(body)["data"]["run_id"] == "run-1"


HOSTILE = "@everyone <@123> <!channel> <https://evil.test|click> **bold** `code` \u202e x\n# big"


def test_text_from_outside_mentions_nobody_and_formats_nothing_on_discord() -> None:
    data = RUN | {"narrative": HOSTILE, "reason": HOSTILE}
    body = json.loads(discord_body(message_text(notice(data=data))))
    assert body["allowed_mentions"] == {"parse": []}
    content = body["content"].replace("`botticelli runs why run-1`", "")
    assert "@everyone" not in content and "<@123>" not in content and "\u202e" not in content
    assert r"\*\*bold\*\*" in content and "\n#" not in content
    assert len(body["content"]) <= 2000


def test_text_from_outside_mentions_nobody_and_links_nothing_on_slack() -> None:
    body = json.loads(slack_body(message_text(notice(data=RUN | {"narrative": HOSTILE, "reason": HOSTILE * 20}))))
    assert "<" not in body["text"] and "@everyone" not in body["text"]
    assert "&lt;!channel&gt;" in body["text"]
    assert body["unfurl_links"] is False
    assert body["text"].startswith("*") and "`botticelli runs why run-1`" in body["text"]


def test_id_that_is_no_word_is_quoted_in_the_command() -> None:
    data = RUN | {"run_id": "$(rm -rf ~); echo 'x'"}
    assert message_text(notice(data=data)).command == """botticelli runs why '$(rm -rf ~); echo '"'"'x'"'"''"""


@pytest.mark.parametrize(
    ("filters", "about", "expected"),
    [
        ({}, {}, True),
        ({"on": ["run.paused"]}, {}, False),
        ({"narratives": ["dig*"]}, {}, True),
        ({"narratives": ["Dig*"]}, {}, False),
        ({"tags": ["nightly"]}, {"tags": ["weekly", "nightly"]}, True),
        ({"tags": ["nightly"]}, {}, False),
        ({"tenants": ["acme"]}, {"tenant": "acme"}, True),
        ({"tenants": ["*"]}, {"tenant": None}, False),
        ({"narratives": ["digest"], "tenants": ["acme"]}, {"tenant": "other"}, False),
    ],
)
def test_target_is_told_what_all_its_filters_match(filters: Any, about: Any, expected: bool) -> None:
    assert is_told(target(**filters), notice(**about)) is expected


def test_retries_cover_75_hours_with_jitter_and_end() -> None:
    waits = [retry_wait_seconds(attempts, 0.5) for attempts in range(1, MAX_ATTEMPTS)]
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert 75 <= sum(wait or 0 for wait in waits) / 3600 < 76
    assert retry_wait_seconds(MAX_ATTEMPTS, 0.5) is None
    assert retry_wait_seconds(1, 0.0) == pytest.approx(4.5) and retry_wait_seconds(1, 1.0) == pytest.approx(5.5)


def test_wait_that_the_receiver_asks_for_lengthens_ours_up_to_a_day() -> None:
    assert retry_wait_seconds(1, 0.5, 60) == 60
    assert retry_wait_seconds(3, 0.5, 60) == 1800
    assert retry_wait_seconds(1, 0.5, 10**9) == 86_400
