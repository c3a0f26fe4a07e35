"""A Redis that forgot closes short windows for their period: that is no exhausted budget, so a run waits for it."""

from __future__ import annotations

from collections.abc import Callable

from botticelli.runtime.process import Runtime
from tests.support.clocked import wake, with_clock
from tests.support.narratives import narrative_text, perform_all, start

LIMITS = (
    '{"default_tier": "t", "tiers": {"t": {"windows": [{"metric": "requests", "limit": 100, "period_seconds": 60}]}}}'
)


def forget(runtime: Runtime) -> None:
    keys = list(runtime.redis.scan_iter(f"*{runtime.settings.redis.prefix}*"))
    runtime.redis.delete(*keys)


def test_run_that_stops_when_exhausted_waits_for_reopening_windows(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime(providers__echo=LIMITS)
    clock = with_clock(runtime)
    assert perform_all(runtime, start(runtime, narrative_text(1)).id).status == "completed"
    forget(runtime)
    run = start(runtime, narrative_text(3))
    assert run.status == "waiting"
    assert "Redis forgot" in (run.reason or "")
    clock.advance(59_000)
    wake(runtime, run.id)
    assert perform_all(runtime, run.id).status == "waiting"
    clock.advance(2_000)
    wake(runtime, run.id)
    assert perform_all(runtime, run.id).status == "completed"


def test_run_that_stops_when_exhausted_ends_at_a_used_up_window(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime(providers__echo=LIMITS.replace("100", "2"))
    run = start(runtime, narrative_text(3))
    assert perform_all(runtime, run.id).status == "budget_exhausted"
