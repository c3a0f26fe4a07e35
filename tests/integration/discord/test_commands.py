"""Every command of the catalogue in narratives, against a server that speaks Discord's protocol."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botticelli.platforms.discord.catalogue.catalogue import catalogue
from botticelli.runtime.process import Runtime
from botticelli.testing.discord import GUILD, USER, FakeDiscord, Fault
from tests.support.commands import act, outputs, play
from tests.support.servers.discord_openapi import extract, extracted, faults, named_routes

OnDiscord = Callable[..., Runtime]
OPENAPI = os.environ.get("BOTTICELLI_TEST_DISCORD_OPENAPI")
"""Discord's own description of its HTTP API, where somebody has it."""


def test_every_command_of_every_family_succeeds(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    g, channel, message = {"guild_id": GUILD}, "{state.made.id}", "{state.sent.id}"
    here = {"channel_id": channel, "message_id": message}
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    event = {"guild_id": GUILD, "event_id": "{state.event.event_id}"}
    role = {"guild_id": GUILD, "role_id": "{state.role.id}"}
    user = {"guild_id": GUILD, "user_id": USER}
    thread = {"thread_id": "{state.thread.thread_id}"}
    acts = [
        act("stats", "server.get_stats", **g),
        act("made", "channels.create", name="Some News", topic="what is new", kind="text", **g),
        act("got", "channels.get_or_create", name="some news", **g),
        act("edited", "channels.edit", channel_id=channel, topic="older", rate_limit_per_user=5),
        act("channel", "channels.get", channel_id=channel),
        act("channel_list", "channels.list", **g),
        act("typing", "channels.typing", channel_id=channel),
        act("invite", "channels.create_invite", channel_id=channel, max_uses="3"),
        act("invites", "invites.list", **g),
        act("sent", "messages.send", channel_id=channel, content="hello"),
        act("corrected", "messages.edit", content="hello again", **here),
        act("message", "messages.get", **here),
        act("messages", "messages.list", channel_id=channel, limit=5),
        act("pinned", "messages.pin", **here),
        act("unpinned", "messages.unpin", **here),
        act("reacted", "reactions.add", emoji="🎨", **here),
        act("reactions", "reactions.list", emoji="🎨", **here),
        act("unreacted", "reactions.remove", emoji="🎨", **here),
        act("cleared_one", "reactions.clear_emoji", emoji="🎨", **here),
        act("cleared_all", "reactions.clear", **here),
        act("thread", "threads.create", channel_id=channel, name="talk", auto_archive_duration=60),
        act("thread_of", "threads.create", name="about it", **here),
        act("thread_seen", "threads.get", **thread),
        act("threads", "threads.list", **g),
        act("threads_here", "threads.list", channel_id=channel, **g),
        act("thread_by_channel", "threads.get", channel_id="{state.thread.thread_id}", **g),
        act("thread_edited", "threads.edit", name="talks", **thread),
        act("joined", "threads.join", **thread),
        act("added", "threads.add_member", user_id=USER, **thread),
        act("removed", "threads.remove_member", user_id=USER, **thread),
        act("left", "threads.leave", **thread),
        act("thread_gone", "threads.delete", **thread),
        act("forum", "channels.create", name="forum", kind="forum", **g),
        act("post", "forum.create_post", channel_id="{state.forum.id}", name="first", content="see https://x.org"),
        act("posts", "forum.list_posts", channel_id="{state.forum.id}"),
        act("post_seen", "forum.get_post", thread_id="{state.post.thread_id}"),
        act("role", "roles.create", name="painter", color=255, permissions=2048, **g),
        act("role_edited", "roles.edit", hoist=True, **role),
        act("role_seen", "roles.get", **role),
        act("roles", "roles.list", **g),
        act("assigned", "roles.assign", user_id=USER, **role),
        act("member", "members.get", **user),
        act("unassigned", "roles.remove", user_id=USER, **role),
        act("role_gone", "roles.delete", **role),
        act("members", "members.list", limit=5000, **g),
        act("renamed", "members.edit", nickname="Ada", **user),
        act("quiet", "members.timeout", duration_seconds=60, **user),
        act("loud", "members.remove_timeout", **user),
        act("kicked", "members.kick", reason="a test", **user),
        act("banned", "members.ban", delete_message_days=2, **user),
        act("bans", "bans.list", **g),
        act("unbanned", "members.unban", **user),
        act("event", "events.create", name="party", start_time=soon, location="the garden", **g),
        act("event_edited", "events.edit", description="with cake", **event),
        act("event_seen", "events.get", **event),
        act("events", "events.list", **g),
        act("event_gone", "events.delete", **event),
        act("emojis", "emojis.list", **g),
        act("stickers", "stickers.list", **g),
        act("webhooks", "webhooks.list", **g),
        act("integrations", "integrations.list", **g),
        act("regions", "voice_regions.list", **g),
        act("bulk", "messages.bulk_delete", channel_id=channel, limit=100),
        act("cleared", "messages.clear", channel_id=channel),
        act("deleted", "messages.delete", channel_id=channel, message_id="{state.second.id}"),
        act("gone", "channels.delete", channel_id=channel, reason="no news"),
    ]
    acts.insert(-1, acts.pop(-2))
    acts.insert(-2, act("second", "messages.send", channel_id=channel, content="once more"))
    run, done = play(on_discord(), *acts)
    assert run.status == "completed", run.reason
    seen = outputs(done)
    commands = {text.split('command = "')[1].split('"')[0] for text in acts}
    assert catalogue().entries.keys() - commands == set()
    assert seen["made"]["name"] == "some-news"
    assert (seen["got"]["id"], seen["got"]["existed"]) == (seen["made"]["id"], True)
    assert seen["stats"]["member_count"] == 2
    assert seen["channel"]["topic"] == "older"
    assert seen["invite"]["url"].endswith(seen["invites"][0]["code"])
    assert seen["message"]["content"] == "hello again"
    assert seen["reactions"]["count"] == 1
    assert seen["thread_of"]["thread_id"] == seen["sent"]["id"]
    assert [post["name"] for post in seen["posts"]] == ["first"]
    assert seen["member"]["roles"] == [seen["role"]["id"]]
    assert seen["renamed"]["changes"] == ["nickname"]
    assert [event["name"] for event in seen["events"]] == ["party"]
    assert (seen["bulk"]["deleted_count"], seen["cleared"]["cleared"]) == (1, 0)
    assert discord.channels("some-news") == []
    reasons = [entry["reason"] for entry in discord.world.data.guilds[GUILD]["audit"] if entry["action_type"] == 12]
    assert any(f"no news (botticelli run={run.id} act=gone" in reason for reason in reasons)


def test_requests_match_the_openapi_description_of_discord() -> None:
    """Each test here checks its requests when it ends. This is the message for one that doesn't match."""
    wrong = {"content": "x" * 4001, "tts": 1, "nonce": 5.5, "embed": {}}
    said = "\n".join(faults("POST", "/channels/1/messages", wrong))
    for fault in ("$.content", "$.tts 1 is not of type", "$.nonce 5.5", "no field embed"):
        assert fault in said
    assert "'name' is a required property" in "".join(faults("POST", "/guilds/1/channels", {"type": 0}))
    assert "$.type 77 is not valid" in "".join(faults("POST", "/guilds/1/channels", {"name": "n", "type": 77}))
    assert faults("POST", "/guilds/1/channels", {"name": "n", "type": 0}) == []
    assert "is no route" in "".join(faults("POST", "/channels/1/secrets", None))


def test_openapi_extract_equals_the_full_description() -> None:
    """All routes that our sources name are in it; where somebody has the whole description, it says the same."""
    assert named_routes() <= {(method, path) for path, methods in extract()["paths"].items() for method in methods}
    if OPENAPI is not None:
        described = json.loads(Path(OPENAPI).read_text(encoding="utf-8"))
        assert extracted(described, extract()["taken_at"]) == extract()


def test_text_of_a_model_is_sent_without_mentions(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    hostile = "@everyone {state.discord.1.channel.x} ${DISCORD_TOKEN} https://evil.example/?d=1"
    runtime = on_discord()
    with runtime.store.transaction() as tx:
        tx.state.set("global.text", hostile)
    acts = [
        act("made", "channels.create", guild_id=GUILD, name="news"),
        act("sent", "messages.send", channel_id="{state.made.id}", content="{state.text}"),
    ]
    run, _ = play(runtime, *acts)
    assert run.status == "completed"
    sent = next(request.body for request in discord.requests if request.path.endswith("/messages"))
    assert sent["content"] == hostile.replace("@everyone", "@\u200beveryone")
    assert sent["allowed_mentions"] == {"parse": [], "replied_user": False}
    assert sent["flags"] == 4
    message = next(iter(discord.world.data.messages[discord.channels("news")[0]["id"]].values()))
    assert message["mention_everyone"] is False


def test_long_texts_are_sent_in_parts(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime = on_discord()
    text = "\n".join(f"line {number} " + "x" * 90 for number in range(60))
    with runtime.store.transaction() as tx:
        tx.state.set("global.text", text)
    made = act("made", "channels.create", guild_id=GUILD, name="news")
    run, done = play(runtime, made, act("sent", "messages.send", channel_id="{state.made.id}", content="{state.text}"))
    seen = outputs(done)
    contents = discord.contents(seen["made"]["id"])
    assert run.status == "completed"
    assert len(contents) == len(seen["sent"]["ids"]) == 3
    assert "\n".join(contents) == text
    assert seen["sent"]["id"] == seen["sent"]["ids"][0]


@pytest.mark.parametrize("kind", ["429", "429-global", "429-shared", "503"])
def test_retry_after_of_discord_is_waited_for(on_discord: OnDiscord, discord: FakeDiscord, kind: Any) -> None:
    discord.faults = [Fault("POST .*/channels$", kind, seconds=0.3)]
    run, _ = play(on_discord(), act("made", "channels.create", guild_id=GUILD, name="news"), retries=2)
    assert run.status == "completed"
    assert len(discord.channels("news")) == 1


def test_rate_limit_bucket_is_not_overdrawn(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    discord.limits = {"POST .*/messages$": (2, 0.5)}
    made = act("made", "channels.get_or_create", guild_id=GUILD, name="news")
    sends = [
        act(f"s{number}", "messages.send", channel_id="{state.made.id}", content=f"{number}") for number in range(5)
    ]
    run, _ = play(on_discord(), made, *sends)
    assert run.status == "completed"
    assert discord.contents(discord.channels("news")[0]["id"]) == ["0", "1", "2", "3", "4"]
    assert [request.status for request in discord.requests if request.status == 429] == []


def test_long_wait_hands_the_iteration_back(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    discord.faults = [Fault("PATCH", "429", seconds=300)]
    made = act("made", "channels.create", guild_id=GUILD, name="news")
    run, _ = play(on_discord(), made, act("edited", "channels.edit", channel_id="{state.made.id}", topic="x"))
    assert (run.status, run.due_at is not None) == ("waiting", True)
    assert "Discord asks to wait" in (run.reason or "")


def test_refused_command_names_the_missing_permission(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    discord.faults = [Fault("POST .*/channels$", "403")]
    run, _ = play(on_discord(), act("made", "channels.create", guild_id=GUILD, name="news"))
    assert run.status == "failed"
    assert "50013: Missing Permissions; it needs MANAGE_CHANNELS" in (run.reason or "")


def test_invalid_token_is_not_retried(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "another")
    acts = [
        act(f"a{number}", "channels.list", guild_id=GUILD).replace("output_var", "retries = 0\noutput_var")
        for number in (1, 2)
    ]
    run, _ = play(on_discord(), *acts, iterations=4, continue_on_error=True)
    assert run.failed == 4
    assert discord.count("GET") == 1
    assert "another" not in (run.reason or "")
