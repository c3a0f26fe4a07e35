"""Effects that a person edits when approving them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from botticelli.carousel import Actor, decide, resume
from botticelli.errors import InvalidInput
from botticelli.runtime.process import Runtime
from botticelli.store import Effect
from botticelli.store.runs.effect_difference import difference
from botticelli.testing.discord import GUILD, FakeDiscord
from tests.support.commands import act
from tests.support.narratives import narrative_text, perform_all, start
from workers.effects import bot_command
from workers.effects.prepared_command import PreparedCommand

ADA = Actor("clearer", "ada@house")


@pytest.fixture
def channel(discord: FakeDiscord) -> str:
    made = discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": "news", "type": 0})
    return str(made.body["id"])


@pytest.fixture
def careful(on_discord: Callable[..., Runtime]) -> Runtime:
    return on_discord(security__require_confirmation='["messages.*"]')


def waiting(runtime: Runtime, channel: str) -> Effect:
    send = act("sent", "messages.send", channel_id=channel, content="a bad text")
    run = perform_all(runtime, start(runtime, narrative_text(1, f'say = "Write"\n{send}')).id)
    with runtime.store.transaction() as tx:
        (effect,) = tx.effects.of_run(run.id, "waiting")
    return effect


def stored(runtime: Runtime, effect: Effect) -> Effect:
    with runtime.store.transaction() as tx:
        return tx.effects.find(effect.key)


def test_edited_text_is_sent_once_and_both_texts_are_kept(careful: Runtime, discord: FakeDiscord, channel: str) -> None:
    effect = waiting(careful, channel)
    decided = decide(careful, effect.key, "approved", ADA, edits={"content": "a good text"})
    assert decided.changed
    assert perform_all(careful, effect.run_id).status == "completed"
    after = stored(careful, effect)
    assert discord.contents(channel) == ["a good text"]
    assert (after.status, after.args["content"], after.decided_by) == ("done", "a good text", "ada@house")
    assert after.prepared_args is not None
    assert after.prepared_args["content"] == "a bad text"
    assert difference(after) == ["- content: a bad text", "+ content: a good text"]


def test_edits_are_checked_like_the_prepared_arguments(careful: Runtime, channel: str) -> None:
    effect = waiting(careful, channel)
    for edits, part in (
        ({"contents": "x"}, "no argument 'contents'"),
        ({"channel_id": "here"}, "channel_id"),
        ({"content": None}, "content is required"),
        ({"allowed_mentions": ["everyone"]}, "allowed_mentions"),
    ):
        with pytest.raises(InvalidInput, match=part):
            decide(careful, effect.key, "approved", ADA, edits=edits)
    with pytest.raises(InvalidInput, match="can't be edited"):
        decide(careful, effect.key, "rejected", ADA, edits={"content": "x"})
    assert (stored(careful, effect).status, stored(careful, effect).args["content"]) == ("waiting", "a bad text")


def test_second_decision_with_other_edits_is_refused(careful: Runtime, channel: str) -> None:
    effect = waiting(careful, channel)
    assert decide(careful, effect.key, "approved", ADA, edits={"content": "a bad text"}).changed
    assert stored(careful, effect).prepared_args is None, "the same text is no edit"
    assert not decide(careful, effect.key, "approved", ADA).changed
    with pytest.raises(InvalidInput, match="was approved by ada@house"):
        decide(careful, effect.key, "approved", ADA, edits={"content": "another"})


def test_edit_to_a_channel_that_a_policy_forbids_is_refused(
    on_discord: Callable[..., Runtime], discord: FakeDiscord, channel: str
) -> None:
    careful = on_discord(
        security__require_confirmation="true", security__channel_ids=f'["{channel}"]', security__channel_prefix="news"
    )
    effect = waiting(careful, channel)
    with pytest.raises(InvalidInput, match="is not allowed by"):
        decide(careful, effect.key, "approved", ADA, edits={"channel_id": "123456789012345678"})


def test_edited_effect_whose_approval_expired_is_asked_for_as_prepared(careful: Runtime, channel: str) -> None:
    effect = waiting(careful, channel)
    decide(careful, effect.key, "approved", ADA, edits={"content": "a good text"})
    with careful.store.transaction() as tx:
        tx.connection.exec_driver_sql("update effects set expires_at = now() - interval '1 s'")
    assert perform_all(careful, effect.run_id).status == "paused"
    after = stored(careful, effect)
    assert (after.status, after.args["content"], after.prepared_args) == ("waiting", "a bad text", None)


def test_edit_that_comes_while_the_worker_looks_is_what_is_sent(
    careful: Runtime, discord: FakeDiscord, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = waiting(careful, channel)
    judge_rules = bot_command._required_approval

    def slowly(command: PreparedCommand) -> str | None:
        if stored(careful, effect).status == "waiting":
            decide(careful, effect.key, "approved", ADA, edits={"content": "a good text"})
        return judge_rules(command)

    monkeypatch.setattr(bot_command, "_required_approval", slowly)
    resume(careful, effect.run_id)
    assert perform_all(careful, effect.run_id).status == "completed"
    assert discord.contents(channel) == ["a good text"]
