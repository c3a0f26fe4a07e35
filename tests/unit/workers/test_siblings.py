"""How many processes a worker becomes, and which one stays as it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from workers import siblings


@pytest.mark.parametrize(
    ("threads", "wanted", "cores", "processes"),
    [
        (16, None, 8, 1),
        (127, None, 8, 1),
        (128, None, 8, 2),
        (200, None, 2, 2),
        (200, None, 1, 1),
        (1000, None, 4, 4),
        (16, 4, 1, 4),
        (3, 8, 1, 3),
        (200, 1, 8, 1),
    ],
)
def test_threads_are_shared_by_as_many_processes_as_are_wanted_or_of_use(
    monkeypatch: pytest.MonkeyPatch, threads: int, wanted: int | None, cores: int, processes: int
) -> None:
    monkeypatch.setattr(siblings, "cpu_budget", lambda: SimpleNamespace(count=cores))
    assert siblings.number_of_processes(threads, wanted) == processes


@pytest.mark.parametrize(
    "other", [{"pool": "prefork"}, {"pool": "solo"}, {"beat": True}, {"autoscale": (4, 1)}, {"statedb": "state"}]
)
def test_only_a_worker_of_threads_whose_parts_can_be_there_twice_is_split(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, object]
) -> None:
    monkeypatch.setattr(siblings.threading, "active_count", lambda: 1)

    def worker(pool: str = "threads", **options: object) -> SimpleNamespace:
        return SimpleNamespace(pool_cls=pool, concurrency=200, options=options)

    assert siblings.can_be_split(worker())
    assert not siblings.can_be_split(worker(**other))  # type: ignore[arg-type]


def test_a_worker_within_a_program_with_threads_is_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings.threading, "active_count", lambda: 2)
    assert not siblings.can_be_split(SimpleNamespace(pool_cls="threads", concurrency=200, options={}))
