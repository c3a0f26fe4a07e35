"""Policies before effects: what a model says leads nowhere that is not allowed, and what waits for a person waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from botticelli.carousel import Actor, accept, cancel, decide, pause, resume
from botticelli.carousel.enqueuing.enqueue import EnqueueRequest
from botticelli.client import Client
from botticelli.errors import InvalidInput, NarrativeError
from botticelli.monitoring.diagnosis import why
from botticelli.runtime.process import Runtime
from botticelli.store import Effect
from botticelli.store.schema.tables import effects as effects_table
from botticelli.testing.discord import GUILD, FakeDiscord
from tests.support.commands import act, play
from tests.support.narratives import narrative_text, perform_all, run_of, start, sweep
from workers.executor.iteration import conclude, perform

OnDiscord = Callable[..., Runtime]
ADA, BOB = Actor("fine", "ada@house"), Actor("too loud", "bob@house")


@pytest.fixture
def channels(discord: FakeDiscord) -> dict[str, str]:
    """The ids of two channels that are there, by name."""
    made = {}
    for name in ("bot-news", "general"):
        reply = discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": name, "type": 0})
        made[name] = str(reply.body["id"])
    discord.requests.clear()
    return made


def send(channel: str, content: str = "hello", **more: Any) -> str:
    return act("sent", "messages.send", channel_id=channel, content=content, **more)


def chooses(channel: str) -> str:
    """A model's answer says where the next act sends: the echo driver answers with the example of its prompt."""
    example = json.dumps({"channel": channel})
    choice = f"[acts.choose]\nformat = \"json\"\nprompt = '''\n```json\n{example}\n```\n'''\n"
    return choice + send("{act.choose.output.channel}")


def waiting(runtime: Runtime) -> list[Effect]:
    with runtime.store.transaction() as tx:
        return tx.effects.recent(status="waiting")


def run_out(runtime: Runtime) -> None:
    """As if a day had passed since every question and answer."""
    with runtime.store.transaction() as tx:
        tx.connection.execute(update(effects_table).values(expires_at=func.now() - timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("settings", "acts", "said"),
    [
        (
            {"denied_commands": '["members.*"]'},
            act("x", "members.kick", guild_id=GUILD, user_id="5"),
            "members.kick is denied",
        ),
        (
            {"allowed_commands": '["messages.*"]'},
            act("x", "channels.list", guild_id=GUILD),
            "allowed commands: messages.*",
        ),
        (
            {"guild_ids": '["1"]'},
            act("x", "channels.list", guild_id="2"),
            "channels.list guild_id: guild 2 is not allowed",
        ),
        ({"channel_prefix": "bot-"}, act("x", "channels.create", guild_id=GUILD, name="gen"), "begin with 'bot-'"),
        ({"channel_ids": '["7"]'}, send("8"), "channel 8 is not allowed"),
        ({"default_policy": "deny_writes"}, send("8"), "changes discord, which [security] default_policy"),
        (
            {"default_policy": "deny"},
            act("x", "channels.list", guild_id=GUILD),
            "only commands that a policy lists are",
        ),
        (
            {"denied_commands": '["update_table"]'},
            act("x", "update_table", table_name="t", where="a = 1", updates={"a": "1"}).replace(
                "command =", 'platform = "database"\ncommand ='
            ),
            "update_table is denied",
        ),
    ],
)
def test_written_command_is_judged_before_the_run(
    on_discord: OnDiscord, discord: FakeDiscord, settings: dict[str, str], acts: str, said: str
) -> None:
    runtime = on_discord(**{f"security__{key}": value for key, value in settings.items()})
    with pytest.raises(NarrativeError) as error:
        start(runtime, narrative_text(1, acts.replace('"a": "1"', 'a = "1"').replace('{"a', "{a")))
    assert said in str(error.value)
    assert str(error.value).startswith("test.toml:")
    assert discord.requests == []


ACT_OF_BOT = 'say = "bots.say"\n'
POLICY = """
[security.policy]
allowed_commands = ["messages.*", "channels.list"]
[security.constraints]
guild_id = "GUILD"
channel_prefix = "bot-"
"""


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        (
            act("x", "members.kick", guild_id=GUILD, user_id="5"),
            "members.kick is not allowed by [security] of the narrative",
        ),
        (act("x", "channels.list", guild_id="2"), "channels.list guild_id: guild 2 is not allowed"),
        (act("x", "channels.get", guild_id=GUILD, channel_id="8"), "allowed commands: messages.*, channels.list"),
    ],
)
def test_policy_of_the_narrative_is_enforced_at_load(on_discord: OnDiscord, acts: str, said: str) -> None:
    text = narrative_text(1, acts) + POLICY.replace("GUILD", GUILD)
    with pytest.raises(NarrativeError) as error:
        start(on_discord(security__default_policy="deny"), text)
    assert said in str(error.value)
    assert str(error.value).startswith("test.toml:")


def test_policy_of_the_narrative_is_enforced_when_performed(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    """Its own policy stands in the place of the default; the operator's rules hold as well."""
    policy = POLICY.replace("GUILD", GUILD)

    def ended(channel: str, **settings: str) -> str:
        runtime = on_discord(security__default_policy="deny", **settings)
        run = perform_all(runtime, start(runtime, narrative_text(1, chooses(channel)) + policy).id)
        return f"{run.status}: {run.reason}"

    assert ended(channels["bot-news"]).startswith("completed")
    assert "channel 'general' is not allowed by [security] of the narrative" in ended(channels["general"])
    assert "[security] of the settings" in ended(channels["bot-news"], security__channel_prefix="news-")
    assert discord.contents(channels["bot-news"]) == ["hello"]
    assert discord.contents(channels["general"]) == []


def test_policy_of_the_bot_is_enforced(on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]) -> None:
    """The bot's prefix is about the bot's command; another command of the same name is not held by it."""
    free = send(channels["general"], "free")
    bot = '[bots.say]\nplatform = "discord"\ncommand = "messages.send"\nchannel_prefix = "bot-"\n'
    bot += f'require_confirmation = true\nchannel_id = "{channels["general"]}"\ncontent = "loud"\n'
    runtime = on_discord()
    run = perform_all(runtime, start(runtime, narrative_text(1, ACT_OF_BOT + free) + bot).id)
    assert "channel 'general' is not allowed by the policy of its bot" in (run.reason or "")
    bot = bot.replace(channels["general"], channels["bot-news"])
    run = perform_all(runtime, start(runtime, narrative_text(1, ACT_OF_BOT + free) + bot).id)
    assert (run.status, [row.args["content"] for row in waiting(runtime)]) == ("paused", ["loud"])
    assert discord.contents(channels["general"]) == []
    decide(runtime, waiting(runtime)[0].key, "approved", ADA)
    assert perform_all(runtime, run.id).status == "completed"
    assert (discord.contents(channels["bot-news"]), discord.contents(channels["general"])) == (["loud"], ["free"])


def test_place_named_by_a_model_is_judged_before_any_request(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    chosen = chooses(channels["general"])
    by_id = on_discord(security__channel_ids=json.dumps([channels["bot-news"]]))
    run, acts = play(by_id, chosen)
    assert (run.status, acts["sent"].status, discord.requests) == ("failed", "failed", [])
    assert f"channel {channels['general']} is not allowed by [security] of the settings" in (run.reason or "")
    by_name = on_discord(security__channel_prefix="bot-")
    run, _ = play(by_name, chosen)
    assert "channel 'general' is not allowed" in (run.reason or "")
    assert {request.method for request in discord.requests} == {"GET"}
    run, _ = play(by_name, chooses(channels["bot-news"]))
    assert (run.status, discord.contents(channels["bot-news"])) == ("completed", ["hello"])
    with by_name.store.transaction() as tx:
        assert [effect.status for effect in tx.effects.recent()] == ["done"]


def test_guild_of_the_channel_wins_over_the_written_guild(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    runtime = on_discord(security__guild_ids='["4242"]')
    run, _ = play(runtime, act("sent", "messages.send", guild_id="4242", channel_id=channels["general"], content="x"))
    assert f"is in guild {GUILD}, which [security]" in (run.reason or "")
    assert discord.contents(channels["general"]) == []


def test_wire_narrative_writes_only_where_the_operator_allows(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    text = narrative_text(1, send(channels["general"]))
    reads = narrative_text(1, act("x", "channels.list", guild_id=GUILD))

    def accepted(runtime: Runtime, text: str, run_id: str) -> str:
        accept(runtime, EnqueueRequest(run_id=run_id), text=text)
        return f"{run_of(runtime, run_id).status}: {run_of(runtime, run_id).reason}"

    runtime = on_discord()
    assert "wire_policy for a narrative sent as text does not allow" in accepted(runtime, text, "0" * 26)
    assert accepted(runtime, reads, "1" * 26).startswith("running")
    assert "only commands that a policy lists" in accepted(on_discord(security__wire_policy="deny"), reads, "2" * 26)
    assert accepted(on_discord(security__wire_policy="allow"), text, "3" * 26).startswith("running")
    assert "does not allow" in (perform_all(runtime, "3" * 26).reason or ""), "this worker's settings say no"
    assert discord.contents(channels["general"]) == []


def test_caps_of_effects_end_the_run_or_park_it(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    per_run = on_discord(security__max_effects_per_run="2")
    run, _ = play(per_run, send(channels["general"]), iterations=4)
    assert "the run has had 2 effects" in (run.reason or "")
    assert len(discord.contents(channels["general"])) == 2
    per_hour = on_discord(security__max_effects_per_hour="3")
    run, _ = play(per_hour, send(channels["general"]), iterations=2)
    assert (run.status, run.succeeded) == ("waiting", 1)
    assert "max_effects_per_hour is 3" in (run.reason or "")
    assert run.due_at is not None
    assert timedelta(minutes=58) < run.due_at - run.now <= timedelta(minutes=60)
    with per_hour.store.transaction() as tx:
        tx.connection.execute(update(effects_table).values(intended_at=func.now() - timedelta(minutes=61)))
        tx.runs.set(run.id, due_at=func.now())
    sweep(per_hour)
    assert perform_all(per_hour, run.id).status == "completed"


def test_approved_effect_is_performed_and_the_run_goes_on(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    runtime = on_discord(security__require_confirmation='["messages.*"]')
    typing = act("typed", "channels.typing", channel_id=channels["general"])
    run, acts = play(runtime, typing + send(channels["general"], "number {iteration}"), iterations=2)
    second, row = waiting(runtime)
    assert (run.status, [*acts], discord.contents(channels["general"])) == ("paused", ["typed"], [])
    assert (row.args["content"], row.tries, row.expires_at - row.intended_at) == (
        "number 1",
        0,
        timedelta(hours=24),
    )
    diagnosis = why(runtime, run.id)
    assert (diagnosis.cause, diagnosis.details["effects"]) == ("approval", [row.key, second.key])
    assert f"botticelli effects approve {row.key[:8]}" in diagnosis.summary
    assert "2 iterations wait for approval" in (run.reason or "")
    resume(runtime, run.id)
    assert perform_all(runtime, run.id).status == "paused", "a resume is no approval"
    with Client(runtime.settings, name="ada@house") as client:
        assert [effect.key for effect in client.effects(run.id, ["waiting"])] == [row.key, second.key]
        assert (client.approve(row.key, reason="fine"), client.approve(row.key)) == (True, False)
        with pytest.raises(InvalidInput, match="was approved by ada@house; the first word counts"):
            client.reject(row.key)
    assert perform_all(runtime, run.id).status == "paused"
    assert discord.contents(channels["general"]) == ["number 1"]
    assert f"effect {second.key}" in (run_of(runtime, run.id).reason or "")
    assert (second.number, second.key != row.key) == (2, True)
    with runtime.store.transaction() as tx:
        after = tx.effects.find(row.key)
    assert (after.status, after.tries, after.decided_by, after.decision_reason) == (
        "done",
        0,
        "ada@house",
        "fine",
    )
    decide(runtime, second.key, "approved", ADA)
    assert perform_all(runtime, run.id).status == "completed"
    assert discord.contents(channels["general"]) == ["number 1", "number 2"]


@pytest.mark.parametrize(("required", "status"), [(True, "failed"), (False, "completed")])
def test_rejected_effect_is_not_performed(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str], required: bool, status: str
) -> None:
    runtime = on_discord(security__require_confirmation="true")
    acts = send(channels["general"]).replace("args =", f"required = {str(required).lower()}\nargs =")
    run, _ = play(runtime, acts)
    (row,) = waiting(runtime)
    decide(runtime, row.key, "rejected", BOB)
    ended = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        (sent,) = tx.acts.of_iteration(run.id, 1)
        assert tx.effects.find(row.key).status == "rejected"
    assert (ended.status, discord.contents(channels["general"])) == (status, [])
    assert "rejected by bob@house: too loud" in (sent.error or sent.output or "")
    with pytest.raises(InvalidInput, match="was rejected by bob@house"):
        decide(runtime, row.key, "approved", ADA)


def test_approval_requests_and_approvals_expire(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]
) -> None:
    runtime = on_discord(security__require_confirmation="true")
    run, _ = play(runtime, send(channels["general"]))
    (row,) = waiting(runtime)
    run_out(runtime)
    with pytest.raises(InvalidInput, match=f"not answered in time; `botticelli runs resume {run.id}` asks again"):
        decide(runtime, row.key, "approved", ADA)
    resume(runtime, run.id)
    assert perform_all(runtime, run.id).status == "paused"
    decide(runtime, row.key, "approved", ADA)
    run_out(runtime)
    assert perform_all(runtime, run.id).status == "paused", "the approval came to nothing"
    (again,) = waiting(runtime)
    assert (again.decided_by, discord.contents(channels["general"])) == (None, [])
    decide(runtime, row.key, "approved", BOB)
    assert perform_all(runtime, run.id).status == "completed"


def test_approval_starts_no_paused_run(on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str]) -> None:
    runtime = on_discord(security__require_confirmation="true")
    held, _ = play(runtime, send(channels["general"], "held"))
    pause(runtime, held.id)
    decide(runtime, waiting(runtime)[0].key, "approved", ADA)
    assert perform_all(runtime, held.id).status == "paused"
    ended, _ = play(runtime, send(channels["general"], "ended"))
    cancel(runtime, ended.id)
    decide(runtime, waiting(runtime)[0].key, "approved", ADA)
    assert perform_all(runtime, ended.id).status == "cancelled"
    assert discord.contents(channels["general"]) == []
    resume(runtime, held.id)
    assert perform_all(runtime, held.id).status == "completed"
    assert discord.contents(channels["general"]) == ["held"]


def test_approval_given_while_the_iteration_is_parked_is_not_lost(
    on_discord: OnDiscord, discord: FakeDiscord, channels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = on_discord(security__require_confirmation="true")
    run = start(runtime, narrative_text(1, send(channels["general"])))
    requested = threading.Event()
    decided = threading.Event()

    def conclude_late(*arguments: Any) -> None:
        requested.set()
        decided.wait(60)
        conclude(*arguments)

    monkeypatch.setattr("workers.executor.iteration.conclude", conclude_late)
    worker = threading.Thread(target=perform, args=(runtime, run.id, 1))
    worker.start()
    assert requested.wait(60)
    monkeypatch.undo()
    monkeypatch.setenv("DISCORD_TOKEN", "x")
    decide(runtime, waiting(runtime)[0].key, "approved", ADA)
    decided.set()
    worker.join(60)
    assert run_of(runtime, run.id).status == "running"
