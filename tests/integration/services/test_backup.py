"""Backup and restore with Postgres's own programs: what was paid stays paid, and Redis may come back empty."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url

from botticelli.runtime.process import Runtime
from botticelli.services.servers.binaries import postgres_folder
from botticelli.store.connection.database import upgrade
from tests.support.content import put
from tests.support.databases.lending import Databases
from tests.support.narratives import narrative_text, perform_all, perform_open, run_of, start

LIMITS = {
    "providers__echo__default_tier": "small",
    "providers__echo__tiers__small__rpd": "7",
}


def test_restored_run_goes_on_and_pays_nothing_again(
    make_runtime: Callable[..., Runtime], databases: Databases, empty_template: str, tmp_path: Path
) -> None:
    first = make_runtime(**LIMITS)
    run = start(first, narrative_text(5, concurrency=2))
    assert perform_open(first, run.id) == 2
    before = paid(first, run.id)
    put(first, "posts", {"title": "a"})
    dump = tmp_path / "botticelli.dump"
    program("pg_dump", first, first.database_url, "--format=custom", f"--file={dump}")
    perform_all(first, run.id)  # what happens after the backup is lost with the server

    url = databases.create("restored", empty_template)
    program("pg_restore", first, url, "--exit-on-error", "--no-privileges", str(dump))
    second = make_runtime(**LIMITS, database__url=url, redis__prefix="restored")
    assert readers_of_posts(second) == []  # as on a server that knows none of the roles
    upgrade(second.store.engine)
    assert readers_of_posts(second) == ["botticelli_api", "botticelli_reader"]
    assert paid(second, run.id) == before
    assert run_of(second, run.id).succeeded == 2
    done = perform_all(second, run.id)
    assert (done.status, done.succeeded) == ("completed", 5)
    after = paid(second, run.id)
    assert len(after) == 5 and before.items() <= after.items()
    refused = perform_all(second, start(second, narrative_text(3, on_budget_exhausted="stop")).id)
    assert (refused.status, refused.succeeded) == ("budget_exhausted", 2)  # 7 a day: the five before count


def paid(runtime: Runtime, run_id: str) -> dict[str, Any]:
    with runtime.store.transaction() as tx:
        return {row["draw_id"]: row["settled_at"] for row in tx.ledger.of_run(run_id) if row["outcome"] == "settled"}


def readers_of_posts(runtime: Runtime) -> list[str]:
    query = """select rolname from pg_roles where has_schema_privilege(oid, 'botticelli_content', 'usage')
    and has_table_privilege(oid, 'botticelli_content.posts', 'select')
    and rolname in ('botticelli_api', 'botticelli_reader') order by 1"""
    with runtime.store.transaction() as tx:
        return list(tx.connection.execute(text(query)).scalars())


def program(name: str, runtime: Runtime, database_url: str, *arguments: str) -> None:
    """Run a program of the server's own version."""
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with runtime.store.engine.connect() as connection:
        data = Path(connection.execute(text("show data_directory")).scalar_one())
    command = [str(postgres_folder(data) / name), "--no-owner", *arguments, f"--dbname={url}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
