"""Real processes on a Discord of the tests' own: the founding narrative, and workers that are killed around their effects."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botticelli.statuses import FINAL
from botticelli.testing.discord import GUILD, TOKEN, FakeDiscord, Fault, serving
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

KILLS, ITERATIONS = 4, 20

POSTING = f"""
[narrative]
name = "posting"
[narrative.carousel]
iterations = {ITERATIONS}
concurrency = 2
[acts.setup]
skip_if = "{{state.discord.{GUILD}.channel.log}}"
[[acts.setup.input]]
type = "bot_command"
command = "channels.create"
args = {{ guild_id = "{GUILD}", name = "log" }}
[acts.post]
[[acts.post.input]]
type = "bot_command"
command = "messages.send"
args = {{ channel_id = "{{state.discord.{GUILD}.channel.log}}", content = "iteration {{iteration}}" }}
"""

FOUNDING = """[metadata]
name = "publish_welcome"
description = "Complete welcome channel setup with state management"

# Act 1: Setup channel (idempotent - reuses if exists)
[[act]]
name = "setup_channel"
output_var = "welcome_channel"  # Stores to state["welcome_channel"]
skip_if = "{state.discord.${TEST_GUILD_ID}.channel.welcome}"  # Skip if already exists

[[act.input]]
type = "bot_command"
platform = "discord"
command = "channels.create"
[act.input.args]
guild_id = "${TEST_GUILD_ID}"
name = "welcome"
topic = "Welcome to Botticelli!"

# Act 2: Clear existing messages (uses stored channel ID)
[[act]]
name = "clear_channel"
[[act.input]]
type = "bot_command"
platform = "discord"
command = "messages.bulk_delete"
[act.input.args]
channel_id = "{state.welcome_channel.id}"  # Uses stored ID
limit = 100

# Act 3-4: Generate content (unchanged)
[[act]]
name = "generate_messages"
[[act.input]]
content = "Write three welcome messages."
[[act]]
name = "select_best"
[[act.input]]
content = "Choose the best one."

# Act 5: Publish message
[[act]]
name = "publish_message"
output_var = "welcome_message"  # Stores message ID

[[act.input]]
type = "bot_command"
platform = "discord"
command = "messages.send"
[act.input.args]
channel_id = "{state.welcome_channel.id}"
content = "{act.select_best.output}"

# Act 6: Pin message (uses stored message ID)
[[act]]
name = "pin_message"
[[act.input]]
type = "bot_command"
platform = "discord"
command = "messages.pin"
[act.input.args]
channel_id = "{state.welcome_channel.id}"
message_id = "{state.welcome_message.id}"
"""
"""As it stands in the founding document, with the two acts that it leaves out."""


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with serving() as fake:
        yield fake


@pytest.fixture
def bot(tmp_path: Path, discord: FakeDiscord) -> Iterator[House]:
    """A house whose commands are performed."""
    house = House(tmp_path / "bot", rehearses=False)
    house.folder.mkdir()
    house.settings |= {"DISCORD_TOKEN": TOKEN, "BOTTICELLI_PLATFORMS__DISCORD__BASE_URL": discord.url}
    house.settings["TEST_GUILD_ID"] = GUILD
    yield house
    house.close()


def test_the_welcome_is_made_once_and_found_again(bot: House, discord: FakeDiscord) -> None:
    """Two runs in one worker, and a third one in another after Redis has forgotten everything: nothing is made twice."""
    bot.settings["BOTTICELLI_ENVIRONMENT__ALLOW"] = '["TEST_GUILD_ID"]'
    seen = []
    for number in (1, 2, 3):
        if number != 2:
            worker = bot.worker()
        with bot.client() as client:
            ended = client.enqueue("discord/publish_welcome").wait(timeout_seconds=240)
            assert (ended.status, ended.reason) == ("completed", None)
            if number == 2:
                worker.stop()
                redis.Redis.from_url(client._runtime.redis_url).flushall()
        seen.append(welcome_of(bot, discord))
    assert len(set(seen)) == 1
    assert (discord.count("POST .*/channels$"), discord.count("POST .*/messages$")) == (1, 1)
    assert discord.count("POST .*/bulk-delete$") == 0
    assert discord.count("PATCH .*/messages/") == 2
    discord.world.data.messages[seen[0][0]].clear()
    with bot.client() as client:
        assert client.enqueue("discord/publish_welcome").wait(timeout_seconds=240).status == "completed"
    worker.stop()
    assert welcome_of(bot, discord)[0] == seen[0][0], "one that somebody deleted is sent anew, into the same channel"
    assert TOKEN not in "".join(process.text() for process in bot.started)


def test_the_founding_narrative_runs_as_it_was_written(bot: House, discord: FakeDiscord) -> None:
    """It clears the channel and sends anew each time: one channel, and the message of the last run in it, pinned."""
    bot.write("publish_welcome.toml", FOUNDING)
    seen = []
    for _ in range(2):
        done = bot.run("run", "publish_welcome.toml")
        assert done.returncode == 0, done.stderr
        seen.append(welcome_of(bot, discord))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]
    assert discord.count("POST .*/channels$") == 1


def welcome_of(bot: House, discord: FakeDiscord) -> tuple[str, str]:
    """The ids of the channel and of the only message in it, as Discord has them and as state has them."""
    (channel,) = discord.channels("welcome")
    (message,) = discord.world.data.messages[channel["id"]].values()
    stored = bot.json("state", "get", f"discord.{GUILD}.channel.welcome", "--json")["value"]["id"]
    sent = bot.json("state", "get", "narrative.publish_welcome.welcome_message", "--json")["value"]["id"]
    assert (stored, sent, message["pinned"]) == (channel["id"], message["id"], True)
    return stored, sent


def test_killed_workers_double_no_effect_and_lose_none(bot: House, discord: FakeDiscord) -> None:
    bot.settings |= {"BOTTICELLI_WORKER__LEASE_SECONDS": "2", "BOTTICELLI_WORKER__MAX_ATTEMPTS": "100"}
    bot.write("posting.toml", POSTING)
    chance = random.Random(7)
    discord.faults = [Fault("POST", "slow", times=10_000, seconds=0.05)]
    run_id = bot.run("run", "posting.toml", "--detach").stdout.strip()
    with bot.client() as client:

        def is_over() -> bool:
            return client.status(run_id) in FINAL

        for _ in range(KILLS):
            worker = bot.worker()
            requests_before = len(discord.requests)
            wait_until(
                lambda requests_before=requests_before: len(discord.requests) > requests_before or is_over(),
                "a request",
            )
            threading.Event().wait(chance.uniform(0, 0.2))
            worker.kill()
        last = bot.worker()
        wait_until(is_over, "the run to end", 240)
        last.stop()
    shown = bot.json("runs", "show", run_id, "--json")
    assert shown["result"]["status"] == "completed"
    (channel,) = discord.channels("log")
    assert sorted(discord.contents(channel["id"])) == sorted(
        f"iteration {number}" for number in range(1, ITERATIONS + 1)
    )
    assert bot.json("effects", "--unknown", "--json") == []
    effects = bot.json("effects", "--run", run_id, "--json", "--limit", "1000")
    assert sum(effect["status"] == "done" for effect in effects) == ITERATIONS + 1
    left = [(effect["command"], effect["status"]) for effect in effects if effect["status"] != "done"]
    assert set(left) <= {("channels.create", "failed")}, "its worker was lost before, and another iteration made it"


def test_a_person_resolves_what_nobody_knows(bot: House, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two channels of the name are fresh and none bears a mark: which is ours, only a person can say."""
    bot.write("one.toml", POSTING.replace(f"iterations = {ITERATIONS}", "iterations = 1\nretries = 0"))
    discord.faults = [Fault("audit-logs", "403", times=100), Fault("POST .*/channels$", "drop-after-doing")]
    monkeypatch.setattr(discord.world, "answer", _with_a_twin(discord))
    stopped = bot.run("run", "one.toml")
    assert stopped.returncode == 4, stopped.stdout + stopped.stderr
    (row,) = bot.json("effects", "list", "--unknown", "--json")
    assert row["command"] == "channels.create"
    assert bot.run("effects", "resolve", row["id"][:8]).returncode == 2
    mine = discord.channels("log")[0]["id"]
    resolved = bot.json("effects", "resolve", row["id"][:8], "--done", "--data", f'{{"id": "{mine}"}}', "--json")
    assert (resolved["status"], resolved["resolution"], "@" in resolved["resolved_by"]) == ("done", "done", True)
    assert "channels.create" in bot.run("effects", "show", row["id"][:8]).stdout
    resumed = bot.run("runs", "resume", "latest", "--follow")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert discord.contents(mine) == ["iteration 1"]


def _with_a_twin(discord: FakeDiscord) -> Callable[..., Any]:
    """Somebody else makes a channel of the same name at the same moment."""
    answer = discord.world.answer

    def both(method: str, path: str, *arguments: Any) -> Any:
        if method == "POST" and path.endswith("/channels"):
            answer(method, path, *arguments)
        return answer(method, path, *arguments)

    return both


def test_a_person_approves_and_the_workers_go_on(bot: House, discord: FakeDiscord) -> None:
    bot.write("one.toml", POSTING.replace(f"iterations = {ITERATIONS}", "iterations = 1"))
    bot.settings |= {"BOTTICELLI_SECURITY__REQUIRE_CONFIRMATION": "true"}
    run_id = bot.run("run", "one.toml", "--detach").stdout.strip()
    worker = bot.worker()
    with bot.client() as client:
        wait_until(lambda: client.effects(run_id, ["waiting"]), "a question")
        wait_until(lambda: client.status(run_id) == "paused", "the run to be laid down")
        assert bot.json("runs", "why", run_id, "--json")["cause"] == "approval"
        (row,) = bot.json("effects", "--waiting", "--json")
        assert (row["command"], row["args"]["name"], discord.channels("log")) == ("channels.create", "log", [])
        unasked = bot.run("effects", "approve", row["id"][:8])
        assert (unasked.returncode, "pass --yes" in unasked.stderr) == (2, True)
        (approved,) = bot.json("effects", "approve", "--run", run_id, "--yes", "--reason", "a good name", "--json")
        assert (approved["changed"], approved["decision_reason"], "@" in approved["decided_by"]) == (
            True,
            "a good name",
            True,
        )
        wait_until(lambda: discord.channels("log"), "the channel")
        (sending,) = wait_until(lambda: client.effects(run_id, ["waiting"]), "the next question")
        assert (sending.command, bot.run("effects", "reject", sending.key).returncode) == ("messages.send", 0)
        wait_until(lambda: client.status(run_id) in FINAL, "the run to end")
        assert "was rejected by" in (client.result(run_id).reason or "")
    worker.stop()
    late = bot.run("effects", "approve", sending.key, "--yes")
    assert (late.returncode, "the first word counts" in late.stderr) == (2, True)
    assert discord.contents(discord.channels("log")[0]["id"]) == []


THREE = f"""
[narrative]
name = "three"
[narrative.carousel]
iterations = 3
concurrency = 3
[acts.write]
prompt = "Write post {{iteration}}."
[acts.make]
[[acts.make.input]]
type = "bot_command"
command = "channels.create"
args = {{ guild_id = "{GUILD}", name = "post-{{iteration}}" }}
"""


def test_effects_approved_all_at_once_after_their_worker_was_killed_are_done_by_another(
    bot: House, discord: FakeDiscord
) -> None:
    bot.write("three.toml", THREE)
    bot.settings |= {
        "BOTTICELLI_SECURITY__REQUIRE_CONFIRMATION": '["channels.*"]',
        "BOTTICELLI_WORKER__LEASE_SECONDS": "2",
    }
    run_id = bot.run("run", "three.toml", "--detach").stdout.strip()
    with bot.client() as client:
        worker = bot.worker()
        wait_until(lambda: len(client.effects(run_id, ["waiting"])) == 3, "all three to be asked for")
        worker.kill()
        approved = bot.json("effects", "approve", "--all", "--yes", "--json")
        assert [row["changed"] for row in approved] == [True] * 3
        assert not any(discord.channels(f"post-{number}") for number in (1, 2, 3))
        other = bot.worker()
        wait_until(lambda: client.status(run_id) in FINAL, "the run to end")
        assert client.status(run_id) == "completed"
    other.stop()
    assert [len(discord.channels(f"post-{number}")) for number in (1, 2, 3)] == [1] * 3
    assert bot.json("runs", "show", run_id, "--json")["result"]["input_tokens"] > 0
    assert bot.json("effects", "--waiting", "--json") == []
