"""A database that takes no writes for a while: nothing is called in vain, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.errors import DatabaseUnwritable
from botticelli.runtime.process import Runtime
from botticelli.store.connection.database import make_engine
from tests.support.narratives import narrative_text, perform_all, start
from workers.context.claims import keeper_of
from workers.executor.iteration import perform

MakeRuntime = Callable[..., Runtime]


def statuses(runtime: Runtime, run_id: str) -> list[str]:
    with runtime.store.transaction() as tx:
        return [iteration.status for iteration in tx.iterations.of_run(run_id)]


READ_ONLY = "alter database {} set default_transaction_read_only = on"
WRITABLE = "alter database {} reset default_transaction_read_only"
FULL = """
create function full_disk() returns trigger language plpgsql as $$
begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
create trigger full_disk before update or insert on iterations for each statement execute function full_disk();
"""
FREE = "drop trigger full_disk on iterations; drop function full_disk"


@pytest.mark.parametrize(("spoil", "mend", "says"), [(READ_ONLY, WRITABLE, "read-only"), (FULL, FREE, "No space left")])
def test_unwritable_database_costs_no_model_call_and_no_iteration(
    make_runtime: MakeRuntime, spoil: str, mend: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is called, nothing fails, and it goes on by itself."""
    runtime = make_runtime()
    run = start(runtime, narrative_text(2))
    administer(runtime, spoil)
    perform(runtime, run.id, 1)
    assert caplog.text.count("iteration_interrupted") == 1 and "Traceback" not in caplog.text
    with pytest.raises(DatabaseUnwritable, match=rf"Postgres accepts no writes: .*{says}.*continues automatically"):
        start(runtime, narrative_text(2))
    administer(runtime, mend)
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        requests = tx.ledger.totals(run.id)["requests"]
        assert [iteration.error for iteration in tx.iterations.of_run(run.id)] == [None, None]
    assert (after.status, after.succeeded, requests) == ("completed", 2, 2)


def test_iteration_with_an_unrecordable_call_is_handed_back_once_writes_work(
    make_runtime: MakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up during the call: it is paid, counted as unknown, and made again, without a lost worker."""
    runtime = make_runtime()
    run = start(runtime, narrative_text(1))
    driver = runtime.drivers.get("echo")
    generate = driver.generate

    def fills_the_disk(*arguments: Any, **options: Any) -> Any:
        administer(runtime, FULL)
        return generate(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(driver, "generate", fills_the_disk)
        perform(runtime, run.id, 1)
    assert statuses(runtime, run.id) == ["running"]
    administer(runtime, FREE)
    keeper_of(runtime).hand_back_interrupted()
    after = perform_all(runtime, run.id)
    with runtime.store.transaction() as tx:
        totals = tx.ledger.totals(run.id)
    assert (after.status, totals["requests"], totals["unknown_requests"]) == ("completed", 2, 1)


def administer(runtime: Runtime, statement: str) -> None:
    """By a connection of its own, which may write whatever the database says; then all sessions begin anew."""
    url = runtime.store.engine.url
    engine = make_engine(url.render_as_string(hide_password=False), pool_size=1, statement_timeout_seconds=60)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set default_transaction_read_only = off"))
        connection.execute(text(statement.format(url.database)))
    engine.dispose()
    runtime.store.engine.dispose()
