"""Locks: taken, seen, counted, shared with children, and never left behind by a look."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from botticelli.services import control
from botticelli.services.files import locks


@pytest.fixture
def opened(tmp_path):
    """Descriptors of one lock file; closed at the end, those that the test closed excepted."""
    descriptors = []

    def open_one():
        descriptors.append(locks.open_lock(tmp_path / "x.lock"))
        return descriptors[-1]

    yield open_one
    for descriptor in descriptors:
        os.close(descriptor)


def test_one_holds_exclusively_and_many_share(opened):
    first, second, third = opened(), opened(), opened()
    assert locks.take(first, locks.SHARED)
    assert locks.take(second, locks.SHARED)
    assert not locks.take(third, locks.EXCLUSIVE)
    locks.give_back(first)
    locks.give_back(second)
    assert locks.take(third, locks.EXCLUSIVE)
    assert not locks.take(first, locks.SHARED)


def test_looking_sees_an_exclusive_holder_and_leaves_nothing(opened, tmp_path):
    path = tmp_path / "x.lock"
    assert not locks.is_held(path)
    assert not path.exists()
    holder = opened()
    assert not locks.is_held(path)
    assert locks.take(holder, locks.SHARED)
    assert not locks.is_held(path)
    assert locks.take(holder, locks.EXCLUSIVE)
    assert locks.is_held(path)


def test_sharers_are_counted(opened, tmp_path):
    path = tmp_path / "x.lock"
    assert locks.sharers(path) == 0
    holders = [opened() for _ in range(3)]
    assert locks.sharers(path) == 0
    for holder in holders:
        assert locks.take(holder, locks.SHARED)
    assert locks.sharers(path) == 3


def test_exclusive_lock_excludes_everybody(opened, tmp_path):
    assert locks.take(opened(), locks.EXCLUSIVE)
    assert locks.sharers(tmp_path / "x.lock") == 0


def test_a_moment_of_the_keeper_s_is_no_user_however_long_the_next_look_takes(opened, tmp_path, monkeypatch):
    keeper, moments = opened(), []
    assert locks.take(keeper, locks.EXCLUSIVE)

    def stands_still() -> float:
        moments.append(5.0 * len(moments))
        if len(moments) == 2:
            locks.give_back(keeper)
        return moments[-1]

    monkeypatch.setattr(control, "time", SimpleNamespace(monotonic=stands_still, sleep=lambda seconds: None))
    assert control._nobody_else(opened(), tmp_path / "x.lock")


def test_sharers_that_the_kernel_does_not_list_are_unknown(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_listed_by_kernel", lambda path: 0)  # as on macOS
    assert locks.take(opened(), locks.SHARED)
    assert locks.sharers(tmp_path / "x.lock") is None


def test_a_lock_is_not_inherited_by_a_program_that_is_started(opened, tmp_path):
    holder = opened()
    assert locks.take(holder, locks.EXCLUSIVE)
    assert not os.get_inheritable(holder)
