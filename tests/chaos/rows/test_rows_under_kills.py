"""A run over the rows of a file while its workers are killed: each row is answered once, in the provider's own count."""

from __future__ import annotations

import csv
import io
import os
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from botticelli.testing.providers import FakeProvider, Limits
from tests.support.fleet.processes import House
from tests.support.waiting import wait_until

ROWS = int(os.environ.get("ROWS") or 10_000)
SIZES = (
    pytest.param(240, 2, 80, id="short"),
    pytest.param(ROWS, 4, 600, id="long", marks=(pytest.mark.long, pytest.mark.timeout(240 + ROWS // 20))),
)
LIMIT, PERIOD_SECONDS = 600, 10
SETTINGS = """
default_model = "openai/gpt-6-luna"
[drivers.openai]
base_url = "{url}"
[worker]
lease_seconds = 6
[providers.openai]
default_tier = "t"
[providers.openai.tiers.t]
windows = [{{ metric = "requests", limit = 600, period_seconds = 10 }}]
"""
MS_TO_CALL = """
select 1000 * avg(extract(epoch from ledger.drawn_at - iterations.created_at))
from ledger join iterations using (run_id, number)
where iterations.attempt = 1
"""
"""A ticket is held for so long before its call is counted: a rate of limit / (period + this) is the most that can be seen."""
NARRATIVE = """
[narrative]
name = "leads"
max_tokens = 20
[narrative.carousel]
foreach = {{ file = "{file}" }}
key = "email"
concurrency = {concurrency}
on_budget_exhausted = "wait"
continue_on_error = true
[acts]
draft = "Write to row {{row.id}}."
"""


class FailsOnce:
    """Answers the first call of every hundredth row with an error, by the server's own record."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.answered: Counter[int] = Counter()
        self.refused: set[int] = set()

    def __call__(self, body: dict[str, Any], path: str) -> str:
        row = int(re.search(r"row (\d+)\.", str(body["messages"]))[1])  # type: ignore[index]
        with self._lock:
            if row % 100 == 0 and row not in self.refused:
                self.refused.add(row)
                return "500"
            self.answered[row] += 1
            return "ok"


def file_of(folder: Path, name: str, first: int, last: int) -> None:
    lines = (f"{number}@example.org,{number}\n" for number in range(first, last + 1))
    (folder / name).write_text("email,id\n" + "".join(lines), encoding="utf-8")


@pytest.mark.parametrize(("rows", "workers", "kill_after_rows"), SIZES)
def test_rows_are_answered_once_while_workers_are_killed(
    house: House, monkeypatch: pytest.MonkeyPatch, rows: int, workers: int, kill_after_rows: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-rows")
    choose = FailsOnce()
    with FakeProvider("openai", limits=Limits(LIMIT, 10**9, PERIOD_SECONDS), choose=choose) as server:
        house.write("botticelli.toml", SETTINGS.format(url=server.url))
        file_of(house.folder, "leads.csv", 1, rows)
        house.write("n.toml", NARRATIVE.format(file="leads.csv", concurrency=64))
        crew = [house.worker("--concurrency", "16") for _ in range(workers)]
        run_id = house.run("run", "n.toml", "--detach").stdout.strip().splitlines()[-1]
        kills = 0
        with house.client() as client:
            for mark in range(kill_after_rows, rows, kill_after_rows):
                wait_until(lambda mark=mark: len(choose.answered) >= mark, f"{mark} answered rows", 240)  # type: ignore[misc]
                crew[kills % workers].kill()
                crew[kills % workers] = house.worker("--concurrency", "16")
                kills += 1
            result = client.wait(run_id, timeout_seconds=300)
            unknown = _count(client, "select count(*) from ledger where outcome = 'unknown'")
            waited = _count(client, MS_TO_CALL) / 1000
        begin, end = server.received[0].at, server.received[-1].at
        calls, statuses = len(server.received), Counter(server.statuses())
        rate = calls / (end - begin) / (LIMIT / PERIOD_SECONDS)
        print(
            f"{rows} rows, {calls} calls, {kills} kills, {unknown} unknown, {statuses}, {rate:.3f} of the rate, "
            f"{waited:.2f} s from the ticket to the call"
        )
        assert (result.status, result.successful_iterations, result.failed_iterations) == ("completed", rows, 0)
        assert set(choose.answered) == set(range(1, rows + 1))
        assert sum(choose.answered.values()) - rows <= unknown
        assert statuses[429] == 0
        exported = list(csv.reader(io.StringIO(house.run("runs", "export", run_id).stdout)))
        assert [row[0] for row in exported[1:]] == [f"{number}@example.org" for number in range(1, rows + 1)]
        file_of(house.folder, "leads.csv", 1, rows + 10)
        before = len(server.received)
        again = house.run("run", "n.toml", "--only-new", "--detach").stdout.strip().splitlines()[-1]
        with house.client() as client:
            assert client.wait(again, timeout_seconds=240).successful_iterations == 10
        assert len(server.received) - before == 10 + sum(
            1 for number in range(rows + 1, rows + 11) if number % 100 == 0
        )


def _count(client: Any, query: str) -> int:
    with client._runtime.store.engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())
