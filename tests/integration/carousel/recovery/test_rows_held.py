"""A sweep that waits in vain for rows says which session holds them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import text

from botticelli.runtime.process import Runtime
from tests.support.narratives import narrative_text, start
from workers.recovery.queue_probe import ConsumerWatchdog
from workers.recovery.sweep_thread import Sweep


def test_sweep_that_waits_for_a_locked_run_names_the_session(
    make_runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in ("botticelli.store.connection.sessions", "workers.recovery.sweep_thread"):
        monkeypatch.setattr(f"{module}.LOCK_SECONDS", 0.3)
    runtime = make_runtime()
    run = start(runtime, narrative_text(1))
    with runtime.store.transaction() as tx:
        tx.steps.claim_one(run.id, 1, worker="w:1", lease_seconds=60)
        tx.connection.execute(text("update iterations set lease_until = now() - interval '1 hour'"))
    sweep = Sweep(runtime, ConsumerWatchdog(lambda: False, lambda says: None))
    with runtime.store.engine.connect() as holder, caplog.at_level(logging.WARNING, "botticelli"):
        holder.execute(text("select from runs where id = :run for update"), {"run": run.id})
        pid = holder.exec_driver_sql("select pg_backend_pid()").scalar_one()
        sweep._pass()
    [line] = [message for message in caplog.messages if message.startswith("rows_held ")]
    assert f"pid={pid} " in line and "botticelli " in line and "held=runs" in line
    assert 'state="idle in transaction"' in line
