"""How long a batch gathers: not at all among few, longer among more, never longer than the most."""

from __future__ import annotations

from contextlib import ExitStack

from workers.batching.batcher import MAX_SECONDS, MIN_BUSY, SECONDS_PER_ITERATION, BusyCounter


def test_the_more_have_something_to_do_the_longer_a_batch_gathers() -> None:
    busy_counter, seconds = BusyCounter(), []
    with ExitStack() as performed:
        for _ in range(200):
            seconds.append(busy_counter.gather_seconds())
            performed.enter_context(busy_counter.busy())
    assert seconds[: MIN_BUSY + 1] == [0.0] * (MIN_BUSY + 1)
    assert seconds[MIN_BUSY + 1] == (MIN_BUSY + 1) * SECONDS_PER_ITERATION
    assert seconds == sorted(seconds)
    assert seconds[-1] == MAX_SECONDS
    assert busy_counter.gather_seconds() == 0.0


def test_iterations_that_wait_for_a_model_do_not_count() -> None:
    busy_counter = BusyCounter()
    with ExitStack() as performed, ExitStack() as waiting:
        for _ in range(100):
            performed.enter_context(busy_counter.busy())
        busy = busy_counter.gather_seconds()
        for _ in range(100 - MIN_BUSY):
            waiting.enter_context(busy_counter.waiting_for_model())
        assert busy_counter.gather_seconds() == 0.0
        waiting.close()
        assert busy_counter.gather_seconds() == busy == MAX_SECONDS


def test_acts_side_by_side_may_all_wait_in_one_iteration() -> None:
    busy_counter = BusyCounter()
    with (
        busy_counter.busy(),
        busy_counter.waiting_for_model(),
        busy_counter.waiting_for_model(),
        busy_counter.waiting_for_model(),
    ):
        assert busy_counter.gather_seconds() == 0.0
