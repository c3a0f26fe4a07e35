"""How long a batch gathers: not at all among few, longer among more, never longer than the most."""

from __future__ import annotations

from contextlib import ExitStack

from workers.batching.wait_window import FEW, MOST_SECONDS, SECONDS_EACH, Crowd


def test_the_more_have_something_to_do_the_longer_a_batch_gathers() -> None:
    crowd, seconds = Crowd(), []
    with ExitStack() as performed:
        for _ in range(200):
            seconds.append(crowd.gather_seconds())
            performed.enter_context(crowd.one_more())
    assert seconds[: FEW + 1] == [0.0] * (FEW + 1)
    assert seconds[FEW + 1] == (FEW + 1) * SECONDS_EACH
    assert seconds == sorted(seconds)
    assert seconds[-1] == MOST_SECONDS
    assert crowd.gather_seconds() == 0.0


def test_those_that_wait_for_a_model_do_not_count() -> None:
    crowd = Crowd()
    with ExitStack() as performed, ExitStack() as waiting:
        for _ in range(100):
            performed.enter_context(crowd.one_more())
        busy = crowd.gather_seconds()
        for _ in range(100 - FEW):
            waiting.enter_context(crowd.one_less())
        assert crowd.gather_seconds() == 0.0
        waiting.close()
        assert crowd.gather_seconds() == busy == MOST_SECONDS


def test_acts_side_by_side_may_all_wait_in_one_iteration() -> None:
    crowd = Crowd()
    with crowd.one_more(), crowd.one_less(), crowd.one_less(), crowd.one_less():
        assert crowd.gather_seconds() == 0.0
