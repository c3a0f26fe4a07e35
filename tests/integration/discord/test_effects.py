"""Effects on Discord that are not done twice: lost answers, lost workers, stale ids, two at once, and a person's word."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.carousel import resume
from botticelli.errors import InvalidInput, PlatformUnknown
from botticelli.messages import run_id_for
from botticelli.monitoring.diagnosis import why
from botticelli.platforms import CommandOutput, CommandSpec, EffectIntent
from botticelli.platforms.discord.commands import message_commands
from botticelli.platforms.echo import AnyPlatform
from botticelli.runtime.process import Runtime, worker_name
from botticelli.store import ConflictingEffect, Effect, Run, Store
from botticelli.store.runs.effects import Effects
from botticelli.testing.discord import GUILD, FakeDiscord, Fault
from tests.support.commands import act, create, outputs, play, state
from tests.support.narratives import narrative_text, perform_all, run_of, start, sweep
from tests.support.waiting import wait_until
from workers.effects import captures, effect_attempt
from workers.effects.bot_command import Conflicts
from workers.effects.effect_attempt import EffectAttempt, EffectLedger
from workers.executor.iteration import perform
from workers.handlers import store_request

OnDiscord = Callable[..., Runtime]
CHANNEL = f"{{state.discord.{GUILD}.channel.news}}"


def all_effects(runtime: Runtime, **query: Any) -> list[Effect]:
    with runtime.store.transaction() as tx:
        return tx.effects.recent(**query)


@pytest.mark.parametrize("kind", ["drop-after-doing", "drop", "500"])
@pytest.mark.parametrize("readable", [True, False], ids=["audit log", "no audit log"])
def test_lost_answer_doubles_no_effect(on_discord: OnDiscord, discord: FakeDiscord, kind: Any, readable: bool) -> None:
    patterns = ["/channels$", "/roles$", "/scheduled-events$", "/messages$", "/threads$"]
    discord.faults = [Fault(f"POST .*{pattern}", kind) for pattern in patterns]
    discord.faults += [] if readable else [Fault("audit-logs", "403", times=100)]
    discord.faults.append(Fault("POST .*/threads$", kind))
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    acts = [
        create(),
        act("role", "roles.create", guild_id=GUILD, name="painter"),
        act("event", "events.create", guild_id=GUILD, name="party", start_time=soon),
        act("sent", "messages.send", channel_id="{state.made.id}", content="a" * 2500),
        act("thread", "threads.create", channel_id="{state.made.id}", name="talk"),
        act("forum", "channels.create", guild_id=GUILD, name="forum", kind="forum"),
        act("post", "forum.create_post", channel_id="{state.forum.id}", name="first", content="text"),
    ]
    run, done = play(on_discord(), *acts)
    assert run.status == "completed", run.reason
    world = discord.world.data
    assert [len(discord.channels(name)) for name in ("news", "forum", "talk", "first")] == [1, 1, 1, 1]
    assert [len(content) for content in discord.contents(outputs(done)["made"]["id"])] == [2000, 500]
    assert [role["name"] for role in world.guilds[GUILD]["roles"].values()].count("painter") == 1
    assert len(world.guilds[GUILD]["events"]) == 1


def test_worker_killed_after_the_request_doubles_no_effect(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row says intended, the channel and the message are there: both are found, each by its own effect."""
    runtime = on_discord(worker__lease_seconds="1")
    died: list[str] = []

    def die(self: EffectLedger, effect: EffectIntent, output: CommandOutput) -> None:
        if effect.command not in died:
            died.append(effect.command)
            raise KeyboardInterrupt
        record_done(self, effect, output)

    record_done = EffectLedger.record_done
    monkeypatch.setattr(EffectLedger, "record_done", die)
    send = act("sent", "messages.send", channel_id="{state.made.id}", content="the same text")
    run = start(runtime, narrative_text(2, create(f"{{state.discord.{GUILD}.channel.news}}") + send))
    for _ in range(3):
        with contextlib.suppress(KeyboardInterrupt):
            perform_all(runtime, run.id)
    after = run_of(runtime, run.id)
    assert (after.status, died) == ("completed", ["channels.create", "messages.send"])
    assert len(discord.channels("news")) == 1
    assert discord.contents(discord.channels("news")[0]["id"]) == ["the same text", "the same text"]
    assert {effect.status for effect in all_effects(runtime)} == {"done"}


def test_worker_with_a_slow_clock_doubles_no_effect(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether Discord still knows a nonce is told by Postgres's clock, not by that of whoever asks."""

    class Slow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(hours=2)

    runtime = on_discord(worker__lease_seconds="1")
    run = start(
        runtime,
        narrative_text(1, create() + act("sent", "messages.send", channel_id="{state.made.id}", content="once")),
    )
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        record_done = EffectLedger.record_done

        def die(self: EffectLedger, effect: EffectIntent, output: CommandOutput) -> None:
            if effect.command == "messages.send":
                raise KeyboardInterrupt
            record_done(self, effect, output)

        patch.setattr(EffectLedger, "record_done", die)
        perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update effects set intended_at = intended_at - interval '10 minutes'"))
    for sent in discord.world.data.messages[discord.channels("news")[0]["id"]].values():
        del sent["_nonce"]
    for module in (effect_attempt, message_commands):
        monkeypatch.setattr(module, "datetime", Slow, raising=False)
    assert perform_all(runtime, run.id).status == "completed"
    assert discord.contents(discord.channels("news")[0]["id"]) == ["once"]


def lost_at(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, owner: type, step: str) -> Run:
    """Two iterations side by side, of which the first was lost at this step of its effect."""
    run = start(runtime, narrative_text(2, create(CHANNEL), concurrency=2))
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(owner, step, interrupted)
        perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() where number = 1"))
    sweep(runtime)
    return run


def test_channel_of_a_lost_iteration_is_found_by_the_next(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel is there, but nobody has written it down: whoever comes next makes no second one."""
    runtime = on_discord()
    run = lost_at(runtime, monkeypatch, EffectLedger, "record_done")
    perform(runtime, run.id, 2)
    assert perform_all(runtime, run.id).status == "completed"
    (channel,) = discord.channels("news")
    assert state(runtime, f"discord.{GUILD}.channel.news")["id"] == channel["id"]
    assert [(effect.number, effect.status) for effect in all_effects(runtime)] == [(1, "done")]


def test_channel_that_a_lost_iteration_did_not_create_is_created_by_the_next(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = on_discord()
    run = lost_at(runtime, monkeypatch, EffectAttempt, "_execute")
    perform(runtime, run.id, 2)
    assert perform_all(runtime, run.id).status == "completed"
    assert len(discord.channels("news")) == 1
    assert {(effect.number, effect.status) for effect in all_effects(runtime)} == {(1, "failed"), (2, "done")}


def test_iteration_that_saw_no_channel_before_its_turn_creates_no_second_one(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lost, comes back, finds no channel in state, and waits for its turn while the other one makes the channel."""
    runtime, late, alone = on_discord(), [2], Conflicts.serialised

    def later(self: Conflicts) -> Any:
        if late and self._command.stage.claim.number == 1:
            perform(runtime, run.id, late.pop())
        return alone(self)

    run = lost_at(runtime, monkeypatch, EffectAttempt, "_execute")
    monkeypatch.setattr(Conflicts, "serialised", later)
    assert perform_all(runtime, run.id).status == "completed"
    assert late == []
    assert len(discord.channels("news")) == 1


def test_request_of_a_lost_worker_in_flight_is_awaited_until_its_lease_ends(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request is on its way to Discord when it dies: nobody looks for the channel, and makes it, before its lease ends."""
    runtime, looks, twins = on_discord(worker__lease_seconds="60"), [], Effects.conflicting

    def counted(self: Effects, *args: Any, **named: Any) -> list[ConflictingEffect]:
        looks.append(args)
        return twins(self, *args, **named)

    run = start(
        runtime, narrative_text(2, act("made", "channels.get_or_create", guild_id=GUILD, name="news"), concurrency=2)
    )
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(EffectAttempt, "_execute", interrupted)
        perform(runtime, run.id, 1)
    monkeypatch.setattr(Effects, "conflicting", counted)
    other = threading.Thread(target=perform, args=(runtime, run.id, 2))
    other.start()
    wait_until(lambda: len(looks) > 1 or discord.channels("news"), "the other to wait")
    discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": "news", "type": 0})
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() where number = 1"))
    sweep(runtime)
    other.join(60)
    assert not other.is_alive()
    assert perform_all(runtime, run.id).status == "completed"
    assert len(discord.channels("news")) == 1


def test_recorded_effect_is_replayed_without_a_request(
    on_discord: OnDiscord, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies right after the record: the next one sends no request for it, though a nonce would forgive one."""
    runtime = on_discord()
    acts = create() + act("sent", "messages.send", channel_id="{state.made.id}", content="once")
    run = start(runtime, narrative_text(1, acts))
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        seen: list[str] = []

        def second_record(point: str) -> None:
            seen.append(point)
            if seen.count("effect_recorded") == 2:
                raise KeyboardInterrupt

        patch.setattr(effect_attempt, "reach", second_record)
        perform(runtime, run.id, 1)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update iterations set lease_until = now() where number = 1"))
    assert perform_all(runtime, run.id).status == "completed"
    assert (discord.count("POST .*/channels$"), discord.count("POST .*/messages$")) == (1, 1)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_concurrent_iterations_create_one_channel(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime, other = on_discord(), on_discord()
    discord.faults = [Fault("POST .*/channels$", "slow", seconds=0.4)]
    acts = create(CHANNEL) + act("got", "channels.get_or_create", guild_id=GUILD, name="both")
    run = start(runtime, narrative_text(4, acts, concurrency=4))
    threads = [
        threading.Thread(target=perform, args=(process, run.id, number))
        for number, process in enumerate((runtime, other, runtime, other), 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert run_of(runtime, run.id).status == "completed"
    assert [len(discord.channels(name)) for name in ("news", "both")] == [1, 1]


def test_channel_that_no_longer_exists_is_created_again(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime = on_discord()
    acts = (create(CHANNEL), act("sent", "messages.send", channel_id=CHANNEL, content="hello"))
    first, _ = play(runtime, *acts)
    again, _ = play(runtime, *acts)
    assert (first.status, again.status, len(discord.channels("news"))) == ("completed", "completed", 1)
    old = discord.channels("news")[0]["id"]
    del discord.world.data.channels[old]
    captures._verified.clear()
    third, _ = play(runtime, *acts)
    new = discord.channels("news")[0]["id"]
    assert (third.status, new != old) == ("completed", True)
    assert state(runtime, f"discord.{GUILD}.channel.news")["id"] == new
    del discord.world.data.channels[new]
    failed, _ = play(runtime, acts[1])
    assert "10003: Unknown Channel" in (failed.reason or "")
    assert state(runtime, f"discord.{GUILD}.channel.news") is None


def test_wire_request_with_rehearse_is_rehearsed_by_a_performing_worker(
    on_discord: OnDiscord, discord: FakeDiscord
) -> None:
    runtime, acts = on_discord(), create() + act("sent", "messages.send", channel_id="{state.made.id}", content="hello")
    for number, rehearse in enumerate((True, None, "yes")):
        request = {"text": narrative_text(1, acts), "run_id": run_id_for(str(number)), "rehearse": rehearse}
        store_request(runtime, 1, "task", request)
    rehearsed = perform_all(runtime, run_id_for("0"))
    assert (rehearsed.status, rehearsed.rehearse, discord.requests) == ("completed", True, [])
    assert "wire_policy for a narrative sent as text does not allow" in (run_of(runtime, run_id_for("1")).reason or "")
    assert "rehearse must be true or false, not a string" in (run_of(runtime, run_id_for("2")).reason or "")


@pytest.mark.parametrize("enqueued_by", ["echo", "real"])
def test_worker_with_another_implementation_pauses_the_run(
    on_discord: OnDiscord, discord: FakeDiscord, enqueued_by: str
) -> None:
    """Whose settings differ from those where it was enqueued pauses it; it goes on where they are the same."""
    runtimes = {"real": on_discord(), "echo": on_discord(platforms__discord__implementation="echo")}
    same = runtimes.pop(enqueued_by)
    (other,) = runtimes.values()
    run_id = start(same, narrative_text(1, create())).id
    perform(other, run_id, 1)
    held = run_of(same, run_id)
    assert held.status == "paused"
    assert "set platforms.discord.implementation to the same value in both places" in (held.reason or "")
    assert discord.requests == []
    resume(same, run_id)
    assert perform_all(same, run_id).status == "completed"
    assert bool(discord.requests) == (enqueued_by == "real")


def test_deleted_object_is_removed_from_state(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime = on_discord()
    acts = (
        create(),
        act("sent", "messages.send", channel_id="{state.made.id}", content="hello"),
        act("also", "messages.send", channel_id="{state.made.id}", content="hello"),
        act("unsent", "messages.delete", channel_id="{state.made.id}", message_id="{state.sent.id}"),
    )
    play(runtime, *acts)
    assert state(runtime, f"discord.{GUILD}.message.sent") is None
    also = state(runtime, f"discord.{GUILD}.message.also")
    assert also["metadata"]["channel_id"] == discord.channels("news")[0]["id"]
    play(runtime, act("gone", "channels.delete", channel_id="{state.narrative.test.made.id}"))
    assert state(runtime, f"discord.{GUILD}.channel.news") is None
    assert state(runtime, f"discord.{GUILD}.message.also") is None


class Uncertain(AnyPlatform):
    """Loses the answer of every command, and can't say what it did."""

    is_rehearsal = False

    def __init__(self) -> None:
        super().__init__("discord", {})
        self.performed = 0
        self.is_certain = False

    def spec(self, command: str) -> CommandSpec | None:
        return CommandSpec(command, True, "once", "channel")

    def execute(
        self, command: str, args: Mapping[str, Any], key: str, *, announced: EffectIntent | None = None
    ) -> CommandOutput:
        self.performed += 1
        if not self.is_certain:
            raise PlatformUnknown("the line went dead")
        return super().execute(command, args, key)


@pytest.mark.parametrize(
    ("resolution", "status", "performed"),
    [("done", "completed", 1), ("retry", "completed", 2), ("abandon", "failed", 1)],
)
def test_effect_of_unknown_outcome_pauses_the_run_until_resolved(
    runtime: Runtime, resolution: Any, status: str, performed: int
) -> None:
    platform = Uncertain()
    runtime.platforms._made["discord", False] = platform
    run, _ = play(
        runtime, create(), act("after", "channels.create", "{state.x}", guild_id=GUILD, name="other"), retries=1
    )
    assert run.status == "paused"
    assert "it is unknown whether channels.create was done" in (run.reason or "")
    with runtime.store.transaction() as tx:
        halted = tx.run_actions.last(run.id, "halt")
    assert halted is not None
    assert (halted.actor, halted.reason) == (f"worker {worker_name()}", run.reason)
    (row,) = all_effects(runtime, status="unknown")
    with runtime.store.transaction() as tx:
        capture = tx.effects.capture_of(row.key)
    assert (capture and capture["keys"], platform.performed) == ([f"discord.{GUILD}.channel.news"], 1)
    resume(runtime, run.id)
    assert perform_all(runtime, run.id).status == "paused"
    platform.is_certain = True
    with runtime.store.transaction() as tx:
        tx.effects.resolve(row.key, resolution, by="ada@house", data={"id": "7"} if resolution == "done" else None)
    with pytest.raises(InvalidInput, match=r"effect \w+ is "), runtime.store.transaction() as tx:
        tx.effects.resolve(row.key, "done", by="ada@house")
    diagnosis = why(runtime, run.id)
    assert (diagnosis.cause, diagnosis.details["by"]) == ("paused", f"worker {worker_name()}")
    assert diagnosis.summary.startswith(
        f"stopped by worker {worker_name()}: it is unknown whether channels.create was done"
    )
    resume(runtime, run.id)
    ended = perform_all(runtime, run.id)
    assert ended.status == status, ended.reason
    after = next(effect for effect in all_effects(runtime) if effect.key == row.key)
    assert (after.resolved_by, after.resolved_at is not None) == ("ada@house", True)
    assert platform.performed == performed + (status == "completed")


def test_named_lock_is_held_once_among_threads_and_processes(runtime: Runtime) -> None:
    other = Store(runtime.store.engine)
    order: list[str] = []

    def second() -> None:
        with other.named_lock("a"):
            order.append("second")

    with runtime.store.named_lock("a"), runtime.store.named_lock("b"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
