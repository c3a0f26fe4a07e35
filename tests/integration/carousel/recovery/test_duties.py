"""Duties of the sweep: who performs them and when, what a failing one stops, and how a stalled consumer is noticed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import text

from botticelli.messages import QUEUE
from botticelli.runtime.heartbeats import STALLED, worker_troubles
from botticelli.runtime.process import Runtime
from workers.recovery.duties import FLEET_DUTIES, WORKER_DUTIES
from workers.recovery.duties.duty import EACH_SWEEP
from workers.recovery.queue_probe import ConsumerWatchdog, answer
from workers.recovery.sweep_thread import SWEEP, Sweep

MakeRuntime = Callable[..., Runtime]


class Counted:
    """A duty that counts its runs, and then raises its error if it has one."""

    def __init__(self, name: str, *, error: Exception | None = None, interval_seconds: float = EACH_SWEEP) -> None:
        self.name = name
        self.interval_seconds = interval_seconds
        self.error = error
        self.runs = 0
        self.outages = 0

    def run(self) -> None:
        self.runs += 1
        if self.error is not None:
            raise self.error

    def note_outage(self) -> None:
        self.outages += 1


def sweep_with(runtime: Runtime, *fleet: Counted, worker: tuple[Counted, ...] = ()) -> Sweep:
    """Return a sweep, whose thread isn't started, with these duties instead of the usual ones."""
    sweep = Sweep(runtime, ConsumerWatchdog(lambda: False, lambda _: None))
    sweep._fleet_duties, sweep._worker_duties = [*fleet], [*worker]
    return sweep


def let_pass(runtime: Runtime, name: str, seconds: float) -> None:
    """Let the election of a duty be this much longer ago."""
    query = text("update duties set taken_at = taken_at - make_interval(secs => :seconds) where name = :name")
    with runtime.store.transaction() as tx:
        tx.connection.execute(query, {"name": name, "seconds": seconds})


def test_duty_names_are_unique(runtime: Runtime) -> None:
    names = [make(runtime).name for make in (*FLEET_DUTIES, *WORKER_DUTIES)]
    assert len({*names, SWEEP}) == len(names) + 1


@pytest.mark.parametrize("error", [ValueError("odd row"), RedisAway("gone"), OSError("no route")], ids=repr)
def test_failing_duty_is_logged_and_stops_no_other_duty(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    broken, own, later = Counted("broken", error=error), Counted("own"), Counted("later")
    sweep = sweep_with(runtime, broken, later, worker=(own,))
    with caplog.at_level(logging.WARNING, "botticelli"):
        sweep._pass()
    assert (broken.runs, own.runs, later.runs) == (1, 1, 1)
    assert any("broken" in message for message in caplog.messages)
    assert not any("later" in message for message in caplog.messages)


def test_outage_is_logged_once_reported_in_the_heartbeat_and_told_to_duties(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    broken, judge = Counted("broken", error=RedisAway("gone")), Counted("judge")
    sweep = sweep_with(runtime, worker=(broken, judge))
    with caplog.at_level(logging.WARNING, "botticelli"):
        for _ in range(3):
            sweep._pass()
        assert [*worker_troubles(runtime).values()] == ["ConnectionError"]
        broken.error = None
        sweep._pass()
        sweep._pass()
    assert (broken.runs, judge.runs, judge.outages) == (5, 5, 3)
    assert [message.split(" ")[0] for message in caplog.messages] == ["sweep_interrupted", "sweep_goes_on"]
    assert [*worker_troubles(runtime).values()] == []


def test_duty_of_a_long_interval_runs_once_in_the_fleet_per_interval(runtime: Runtime) -> None:
    each, hourly = Counted("each"), Counted("hourly", interval_seconds=3600)
    sweeps = [sweep_with(runtime, each, hourly), sweep_with(runtime, each, hourly)]
    for _ in range(3):
        for sweep in sweeps:
            sweep._pass()
        let_pass(runtime, SWEEP, 1)
    assert (each.runs, hourly.runs) == (3, 1)
    let_pass(runtime, "hourly", 3600)
    for sweep in sweeps:
        sweep._pass()
    assert hourly.runs == 2


def test_worker_that_is_not_elected_performs_only_its_own_duties(runtime: Runtime) -> None:
    fleet, own = Counted("fleet"), Counted("own")
    sweeps = [sweep_with(runtime, fleet, worker=(own,)) for _ in range(3)]
    for sweep in sweeps:
        sweep._pass()
    assert (fleet.runs, own.runs) == (1, 3)


def test_consumer_is_not_judged_while_a_server_is_away(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__probe_timeout_seconds="5")
    broken = Counted("broken", error=RedisAway("gone"))
    sweep = sweep_with(runtime, worker=(broken,))
    ended: list[str] = []
    sweep._watchdog = ConsumerWatchdog(lambda: False, ended.append)
    with runtime.store.transaction() as tx:
        tx.probes.ask(QUEUE, interval_seconds=1)
        tx.connection.execute(text("update probes set requested_at = now() - interval '1 minute'"))
    sweep._watchdog._quiet_seconds = 60
    sweep._pass()
    assert ended == []
    broken.error = None
    sweep._pass()
    assert len(ended) == 1


def test_duty_is_taken_by_one_worker_of_the_fleet_in_each_interval(runtime: Runtime) -> None:
    def take(worker: str) -> bool:
        with runtime.store.transaction() as tx:
            return tx.duties.take("sweep", worker=worker, interval_seconds=60)

    assert (take("a:1"), take("b:2"), take("a:1")) == (True, False, False)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update duties set taken_at = taken_at - interval '1 minute'"))
    assert (take("b:2"), take("a:1")) == (True, False)


def test_unanswered_probe_is_published_again(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__probe_interval_seconds="1000")

    def ask(after_seconds: int) -> int | None:
        back = "update probes set requested_at = requested_at - :ago, published_at = published_at - :ago"
        with runtime.store.transaction() as tx:
            tx.connection.execute(text(back), {"ago": timedelta(seconds=after_seconds)})
            return tx.probes.ask(QUEUE, interval_seconds=1000)

    assert [ask(0), ask(900), ask(100), ask(1900), ask(100)] == [1, None, 2, None, 3]
    with runtime.store.transaction() as tx:
        probe = tx.probes.unanswered(QUEUE)
    assert probe is not None and probe.silent_seconds >= 2900
    answer(runtime, QUEUE)
    with runtime.store.transaction() as tx:
        assert tx.probes.unanswered(QUEUE) is None
    assert [ask(900), ask(100)] == [None, 1]


def test_busy_or_stopped_worker_is_not_stalled(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__probe_timeout_seconds="5")
    busy = [False]
    watchdog = ConsumerWatchdog(lambda: busy[0], lambda _: None)

    def look(seconds: float) -> bool:
        watchdog._looked_at -= seconds
        return watchdog.check(runtime, most_seconds=4) is not None

    with runtime.store.transaction() as tx:
        tx.probes.ask(QUEUE, interval_seconds=1)
        tx.connection.execute(text("update probes set requested_at = now() - interval '1 minute'"))
    assert [look(3), look(3)] == [False, True]
    busy[0] = True
    assert not look(3), "all threads perform slow calls"
    busy[0] = False
    assert [look(1000), look(2)] == [False, True], "a process that was stopped has not listened for all that time"
    watchdog.record()
    assert not look(3)
    assert look(3)
    answer(runtime, QUEUE)
    assert not look(3)


def test_stalled_worker_reports_it_until_it_receives_a_task(make_runtime: MakeRuntime) -> None:
    """Also while it checks again whether it is stalled."""
    runtime = make_runtime(worker__probe_timeout_seconds="5", worker__exit_when_stalled="false")
    reported: list[bool] = []

    def look() -> None:
        reported.append(any(STALLED in words for words in worker_troubles(runtime).values()))

    duty = Counted("look")
    duty.run = look  # type: ignore[method-assign]
    sweep = sweep_with(runtime, worker=(duty,))
    with runtime.store.transaction() as tx:
        tx.probes.ask(QUEUE, interval_seconds=1)
        tx.connection.execute(text("update probes set requested_at = now() - interval '1 minute'"))
    sweep._watchdog._quiet_seconds = 60
    sweep._pass()
    look()
    sweep._pass()
    look()
    sweep._watchdog.record()
    sweep._pass()
    sweep._pass()
    assert reported == [False, True, True, True, True, False]
