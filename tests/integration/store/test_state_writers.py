"""Tests concurrent writers of a key of state: the last commit wins, values are whole, and no loss goes unnoticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botticelli.runtime.process import Runtime
from botticelli.store import StateEntry
from tests.support.databases.taking_turns import while_the_first_waits_to_commit
from tests.support.waiting import wait_until

WRITERS = 4
ROUNDS = 25
KEY = "global.x"


def entry_of(runtime: Runtime) -> StateEntry:
    with runtime.store.transaction() as tx:
        return tx.state.get_many([KEY])[KEY]


def at_once(write: Callable[[int], object]) -> list[object]:
    """Call `write(n)` in writers that begin together; return their results."""
    barrier = threading.Barrier(WRITERS)

    def begin(number: int) -> object:
        barrier.wait(60)
        return write(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(begin, range(WRITERS)))


def test_last_commit_wins_with_the_date_of_its_write(runtime: Runtime) -> None:
    for begun_with in ("nothing", "an entry"):
        _, seen_at = while_the_first_waits_to_commit(
            runtime, lambda tx: tx.state.set(KEY, "first"), lambda tx: tx.state.set(KEY, "second")
        )
        entry = entry_of(runtime)
        assert entry.value == "second", begun_with
        assert entry.updated_at > seen_at, "not when it began to wait"
        assert entry.created_at < seen_at


def test_waiting_writer_finds_the_key_taken(runtime: Runtime) -> None:
    written, _ = while_the_first_waits_to_commit(
        runtime, lambda tx: tx.state.set(KEY, "first"), lambda tx: tx.state.set(KEY, "second", if_absent=True)
    )
    assert written is False
    assert entry_of(runtime).value == "first"


def test_waiting_writer_finds_the_entry_changed(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set(KEY, 0)
    read = entry_of(runtime)
    written, _ = while_the_first_waits_to_commit(
        runtime,
        lambda tx: tx.state.set(KEY, "first"),
        lambda tx: tx.state.replace_if(KEY, "second", expected_updated_at=read.updated_at),
    )
    assert written is False
    assert entry_of(runtime).value == "first"


def test_key_is_created_by_one_of_many_writers(runtime: Runtime) -> None:
    def create(number: int) -> bool:
        with runtime.store.transaction() as tx:
            return tx.state.set(KEY, number, if_absent=True)

    written = at_once(create)
    assert sorted(map(bool, written)) == [False] * (WRITERS - 1) + [True]
    assert entry_of(runtime).value == written.index(True)


def test_concurrent_writes_are_whole_and_dates_only_grow(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set(KEY, {"value": None, "copies": [None] * 50})

    def write(number: int) -> list[StateEntry]:
        seen = []
        for turn in range(ROUNDS):
            mark = f"{number}-{turn}"
            with runtime.store.transaction() as tx:
                tx.state.set(KEY, {"value": mark, "copies": [mark] * 50}, metadata={"mark": mark})
                seen.append(tx.state.get_many([KEY])[KEY])
            seen.append(entry_of(runtime))
        return seen

    for seen in at_once(write):
        assert isinstance(seen, list)
        dates = [entry.updated_at for entry in seen]
        assert dates == sorted(dates)
        for entry in seen[1:]:
            assert entry.value["copies"] == [entry.value["value"]] * 50
            assert entry.metadata == {"mark": entry.value["value"]}


def test_compare_and_set_loses_no_increment(runtime: Runtime) -> None:
    with runtime.store.transaction() as tx:
        tx.state.set(KEY, 0)

    def increment(number: int) -> None:
        for _ in range(ROUNDS):
            wait_until(once, "an increment that nobody else spoiled")

    def once() -> bool:
        read = entry_of(runtime)
        with runtime.store.transaction() as tx:
            return tx.state.replace_if(KEY, read.value + 1, expected_updated_at=read.updated_at)

    at_once(increment)
    assert entry_of(runtime).value == WRITERS * ROUNDS


def test_imports_of_the_same_keys_wait_for_each_other(runtime: Runtime) -> None:
    keys = [f"global.{n}" for n in range(200)]

    def load(number: int) -> None:
        order = keys if number % 2 else keys[::-1]
        for _ in range(5):
            with runtime.store.transaction() as tx:
                tx.state.load([{"key": key, "value": number} for key in order], replace=True)

    at_once(load)
    with runtime.store.transaction() as tx:
        values = {entry.value for entry in tx.state.list_with_prefix("global").values()}
    assert len(values) == 1, "each import is all or nothing"
