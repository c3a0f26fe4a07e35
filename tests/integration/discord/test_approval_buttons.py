"""Approvals by buttons: a narrative prepares, the fake Discord asks, people press, and the message says who did."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from redis.exceptions import RedisError
from sqlalchemy import text

from botticelli.carousel import Actor, decide
from botticelli.notices import send_bot
from botticelli.notices.deliverer import Deliverer
from botticelli.notices.wording.approval_message import custom_id, read_custom_id, waiting_message
from botticelli.runtime.process import Runtime
from botticelli.store import Effect
from botticelli.testing.discord import GUILD, FakeDiscord, Fault
from botticelli.testing.discord_buttons import PUBLIC_KEY, Answer, Person
from tests.support.commands import act
from tests.support.http.served_app import served
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.servers.discord_openapi import faults

ROLE = "333333333333333333"
STRANGER = "444444444444444444"


def channel_called(discord: FakeDiscord, name: str) -> str:
    made = discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": name, "type": 0})
    return str(made.body["id"])


@pytest.fixture
def news(discord: FakeDiscord) -> str:
    return channel_called(discord, "news")


@pytest.fixture
def desk(discord: FakeDiscord) -> str:
    """The channel of approvals."""
    return channel_called(discord, "desk")


@pytest.fixture
def careful(on_discord: Callable[..., Runtime], desk: str, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Every message wants approval, which Ada, or somebody with the role, may give by a button."""
    monkeypatch.setenv("DISCORD_PUBLIC_KEY", PUBLIC_KEY)
    target = {"name": "desk", "kind": "discord_bot", "channel_id": desk, "on": ["effect.waiting"]}
    runtime = on_discord(
        security__require_confirmation='["messages.*"]',
        security__approver_user_ids='["222222222222222222"]',
        security__approver_role_ids=f'["{ROLE}"]',
        notify=json.dumps([target]),
        webhooks__discord__verify="discord",
        webhooks__discord__secret_env="DISCORD_PUBLIC_KEY",
    )
    Deliverer(runtime).register()
    return runtime


@pytest.fixture
def ada(careful: Runtime, discord: FakeDiscord) -> Iterator[Person]:
    with served(careful) as url:
        yield Person(discord, f"{url}/webhooks/discord")


def prepared(runtime: Runtime, channel: str, content: str = "a bad text") -> str:
    send = act("sent", "messages.send", channel_id=channel, content=content)
    run = perform_all(runtime, start(runtime, narrative_text(1, f'say = "Write"\n{send}')).id)
    assert run.status == "paused"
    return run.id


def tell(runtime: Runtime) -> None:
    Deliverer(runtime).flush(30)


def questions(discord: FakeDiscord, desk: str) -> list[dict[str, Any]]:
    """Return the messages in the channel of approvals as they are now."""
    return deepcopy(list(discord.world.data.messages.get(desk, {}).values()))


def effect_of(runtime: Runtime, run_id: str) -> Effect:
    with runtime.store.transaction() as tx:
        (effect,) = tx.effects.of_run(run_id)
    return effect


def shown(message: dict[str, Any]) -> str:
    """Return what people see: without the marks that keep Discord from formatting a text."""
    return plain(json.dumps(message["embeds"], ensure_ascii=False).replace("\\\\", ""))


def plain(shown_text: str) -> str:
    return shown_text.replace("\\", "").replace("\u200b", "")


def pressed(answer: Answer) -> int:
    """Check an answer against Discord's own description, and return its type."""
    assert answer.status == 200
    assert faults("POST", "/interactions/1/token/callback", answer.body) == []
    return int(answer.body["type"])


def test_approved_effect_is_performed_once_and_its_message_says_who_decided(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    assert "a bad text" in shown(message)
    assert [button["label"] for button in message["components"][0]["components"]] == ["Approve", "Edit", "Reject"]
    assert pressed(ada.press(message, "Approve")) == 7
    (after,) = questions(discord, desk)
    assert (after["components"], "ada (Discord 222222222222222222)" in shown(after)) == ([], True)
    assert perform_all(careful, run_id).status == "completed"
    assert discord.contents(news) == ["a bad text"]
    late = ada.press(message, "Reject")
    assert (pressed(late), late.private_text.startswith("It was already approved by ada")) == (4, True)
    tell(careful)
    assert len(questions(discord, desk)) == 1
    assert perform_all(careful, run_id).status == "completed"
    assert discord.contents(news) == ["a bad text"]


def test_edited_text_is_sent_and_the_difference_is_shown(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    form = ada.press(message, "Edit")
    assert pressed(form) == 9
    assert form.body["data"]["components"][0]["component"]["value"] == "a bad text"
    assert pressed(ada.fill(message, form, "a good text @everyone")) == 7
    (after,) = questions(discord, desk)
    assert all(line in shown(after) for line in ("- content: a bad text", "+ content: a good text @everyone"))
    assert perform_all(careful, run_id).status == "completed"
    assert discord.contents(news) == ["a good text @\u200beveryone"]
    effect = effect_of(careful, run_id)
    assert effect.prepared_args is not None
    assert (effect.args["content"], effect.prepared_args["content"]) == ("a good text @everyone", "a bad text")


def test_rejected_effect_is_not_performed(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    assert pressed(ada.press(message, "Reject")) == 7
    assert "Rejected" in shown(questions(discord, desk)[0])
    assert perform_all(careful, run_id).status == "failed"
    assert discord.contents(news) == []


def test_only_approvers_may_decide(careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    stranger = replace(ada, user_id=STRANGER, name="mallory", roles=("555555555555555555",))
    for label in ("Approve", "Edit", "Reject"):
        answer = stranger.press(message, label)
        assert (pressed(answer), answer.private_text.startswith("You may not decide this")) == (4, True)
    assert effect_of(careful, run_id).status == "waiting"
    assert pressed(replace(stranger, roles=(ROLE,)).press(message, "Approve")) == 7
    assert effect_of(careful, run_id).decided_by == f"mallory (Discord {STRANGER})"


def test_first_of_many_presses_counts(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    barrier, answers = threading.Barrier(6), []

    def press(number: int) -> None:
        person = replace(ada, name=f"ada{number}")
        barrier.wait()
        answers.append(person.press(message, "Approve" if number % 2 else "Reject"))

    threads = [threading.Thread(target=press, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pressed(answer) for answer in answers) == [4, 4, 4, 4, 4, 7]
    winner = effect_of(careful, run_id).decided_by or ""
    assert all(winner in plain(answer.private_text) for answer in answers if answer.private_text)
    assert winner in shown(questions(discord, desk)[0])


def test_decision_made_elsewhere_is_written_into_the_message(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    decide(careful, effect_of(careful, run_id).key, "approved", Actor("it is fine", "bob@house"))
    tell(careful)
    (message,) = questions(discord, desk)
    assert (message["components"], "bob@house" in shown(message), "it is fine" in shown(message)) == ([], True, True)


def test_effect_decided_before_it_was_told_is_asked_for_nowhere(
    careful: Runtime, discord: FakeDiscord, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    decide(careful, effect_of(careful, run_id).key, "approved", Actor("", "bob@house"))
    tell(careful)
    assert questions(discord, desk) == []


def test_deliverer_killed_after_asking_asks_once(
    careful: Runtime, ada: Person, news: str, desk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is there, and nobody has recorded its id; the answer of the first attempt is lost as well."""
    discord = ada.fake
    run_id = prepared(careful, news)
    discord.faults.append(Fault(f"POST /channels/{desk}/messages", "drop-after-doing"))
    tell(careful)
    with careful.store.transaction() as tx:
        tx.connection.execute(text("update notice_deliveries set due_at = now()"))
    with monkeypatch.context() as killed:
        killed.setattr(Deliverer, "_record", lambda *_: (_ for _ in ()).throw(RedisError))
        tell(careful)
    tell(careful)
    (message,) = questions(discord, desk)
    assert pressed(ada.press(message, "Approve")) == 7
    assert perform_all(careful, run_id).status == "completed"


def test_press_whose_answer_was_lost_still_ends_in_the_message(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    """The server dies between the decision and its answer: the outbox tells it."""
    prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    ada.press(message, "Approve")
    discord.world.data.messages[desk][message["id"]] = deepcopy(message)
    tell(careful)
    (after,) = questions(discord, desk)
    assert (after["components"], "ada (Discord" in shown(after)) == ([], True)


def test_text_that_can_not_be_shown_whole_can_only_be_rejected_here(
    careful: Runtime, discord: FakeDiscord, news: str, desk: str
) -> None:
    run_id = prepared(careful, news, "x" * 5000)
    tell(careful)
    (message,) = questions(discord, desk)
    assert [button["label"] for button in message["components"][0]["components"]] == ["Reject"]
    assert f"botticelli effects approve {effect_of(careful, run_id).key[:12]}" in shown(message)


def test_forged_or_odd_interactions_decide_nothing(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    key = effect_of(careful, run_id).key
    assert ada.post(b'{"type": 3}', "1").status == 401, "it is too old"
    for data in (
        {"custom_id": "of-another-bot"},
        {"custom_id": custom_id("edited", key)},
        {"custom_id": f"botticelli:delete:{key}"},
        {"custom_id": custom_id("approve", key[:8])},
        {"custom_id": custom_id("approve", "%")},
    ):
        answer = ada.send({"type": 3, "data": {"component_type": 2, **data}}, message)
        assert (pressed(answer), bool(answer.private_text)) == (4, True)
    for odd in ({"type": 3}, {"type": 5, "data": {"custom_id": custom_id("edited", key)}}, {"type": 3, "data": []}):
        assert ada.send(odd, message).status == 400
    assert effect_of(careful, run_id).status == "waiting"


def test_edit_that_the_command_does_not_allow_is_told_and_decides_nothing(
    careful: Runtime, discord: FakeDiscord, ada: Person, news: str, desk: str
) -> None:
    run_id = prepared(careful, news)
    tell(careful)
    (message,) = questions(discord, desk)
    answer = ada.fill(message, ada.press(message, "Edit"), "   ")
    assert (pressed(answer), "Not possible" in answer.private_text) == (4, True)
    assert effect_of(careful, run_id).status == "waiting"


def test_ids_of_buttons_carry_the_key_within_the_limit_of_discord(careful: Runtime, news: str) -> None:
    effect = effect_of(careful, prepared(careful, news))
    for verb in ("approve", "edit", "reject", "edited"):
        assert len(custom_id(verb, effect.key)) <= 100  # type: ignore[arg-type]
        assert read_custom_id(custom_id(verb, effect.key)) == (verb, effect.key)  # type: ignore[arg-type]
    hostile = replace(effect, args={"content": "``` <@1> @everyone", "nonce": "```" * 99, "channel_id": "1"})
    body = waiting_message(hostile, "a*b_c" * 99, is_rehearsal=True)
    assert faults("POST", "/channels/1/messages", body) == []
    assert body["allowed_mentions"] == {"parse": []}
    assert send_bot.NONCE_CHARACTERS <= 25
