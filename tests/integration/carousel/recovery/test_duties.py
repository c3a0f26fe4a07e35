"""What one worker does for the fleet, and how a worker that hears nothing is told from one that is busy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from botticelli.messages import QUEUE
from botticelli.runtime.heartbeats import STALLED, worker_troubles
from botticelli.runtime.process import Runtime
from workers.recovery.queue_probe import ConsumerWatchdog, answer
from workers.recovery.sweep_thread import Sweep

MakeRuntime = Callable[..., Runtime]


def test_one_worker_of_the_fleet_takes_a_duty_in_each_interval(runtime: Runtime) -> None:
    def take(worker: str) -> bool:
        with runtime.store.transaction() as tx:
            return tx.duties.take("sweep", worker=worker, interval_seconds=60)

    assert (take("a:1"), take("b:2"), take("a:1")) == (True, False, False)
    with runtime.store.transaction() as tx:
        tx.connection.execute(text("update duties set taken_at = taken_at - interval '1 minute'"))
    assert (take("b:2"), take("a:1")) == (True, False)


def test_a_probe_is_asked_again_until_it_is_answered(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(worker__probe_interval_seconds="1000")

    def ask(after_seconds: int) -> int | None:
        back = "update probes set requested_at = requested_at - :ago, published_at = published_at - :ago"
        with runtime.store.transaction() as tx:
            tx.connection.execute(text(back), {"ago": timedelta(seconds=after_seconds)})
            return tx.probes.ask(QUEUE, interval_seconds=1000)

    assert [ask(0), ask(900), ask(100), ask(1900), ask(100)] == [1, None, 2, None, 3]
    with runtime.store.transaction() as tx:
        found = tx.probes.unanswered(QUEUE)
    assert found is not None and found.silent_seconds >= 2900
    answer(runtime, QUEUE)
    with runtime.store.transaction() as tx:
        assert tx.probes.unanswered(QUEUE) is None
    assert [ask(900), ask(100)] == [None, 1]


def test_only_a_worker_that_could_have_heard_is_deaf(make_runtime: MakeRuntime) -> None:
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


def test_stalled_worker_reports_it_until_it_receives_a_task(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while it looks anew whether it is."""
    runtime = make_runtime(worker__probe_timeout_seconds="5", worker__exit_when_stalled="false")
    watchdog = ConsumerWatchdog(lambda: False, lambda _: None)
    said: list[bool] = []

    def told() -> None:
        said.append(any(STALLED in words for words in worker_troubles(runtime).values()))

    one = Sweep(runtime, watchdog)
    monkeypatch.setattr(one, "_sweep_or_wake", told)
    with runtime.store.transaction() as tx:
        tx.probes.ask(QUEUE, interval_seconds=1)
        tx.connection.execute(text("update probes set requested_at = now() - interval '1 minute'"))
    watchdog._quiet_seconds = 60
    one._pass()
    told()
    one._pass()
    told()
    watchdog.record()
    one._pass()
    one._pass()
    assert said == [False, True, True, True, True, False]
