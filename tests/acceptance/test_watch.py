"""The process that watches those that share a worker's threads: what it meets, and that it never performs beside them."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.support.processes import ROOT, House, Process
from tests.support.waiting import wait_until

Start = Callable[..., Process]
BEGINS = re.compile(r"^(\S+) (\d) begins: (\d+) (\S+)$", re.MULTILINE)


def begun(split: Process) -> list[tuple[str, int, int, float]]:
    """Name, threads, process and moment of each that has begun to perform."""
    return [(name, int(threads), int(pid), float(at)) for name, threads, pid, at in BEGINS.findall(split.text())]


@pytest.fixture
def start(house: House) -> Start:
    def of(*meets: str, count: int = 2, errors_to: str = "") -> Process:
        command = [sys.executable, "-m", "tests.support.splitting", *meets]
        if errors_to:
            command = ["sh", "-c", f'exec "$@" 2> {errors_to}', "sh", *command]
        split = house.start(*command, environ={"PYTHONPATH": str(ROOT)})
        wait_until(lambda: len(begun(split)) >= count or split.popen.poll() is not None, "them to begin", 30)
        return split

    return of


def end(split: Process) -> None:
    assert split.popen.poll() is None, split.text()
    assert split.stop(30) == 0, split.text()


@pytest.mark.parametrize("refused", [("1", "2"), ("2", "3")], ids=["all", "one"])
def test_one_that_cannot_be_started_is_tried_again(start: Start, refused: tuple[str, str]) -> None:
    split = start("refused", *refused)
    assert split.text().count("can't be started: Resource temporarily unavailable; it is tried every second") == 1
    assert {(name, threads) for name, threads, _, _ in begun(split)} == {("w@here", 3), ("w-2@here", 2)}
    assert split.pid not in {pid for _, _, pid, _ in begun(split)}
    end(split)


def test_one_that_cannot_be_started_again_is_tried_again(start: Start) -> None:
    split = start("refused", "3", "4")
    os.kill(begun(split)[1][2], signal.SIGKILL)
    wait_until(lambda: len(begun(split)) == 3, "a third", 30)
    assert split.text().count("can't be started") == 1
    end(split)


def test_one_that_dies_again_and_again_is_started_once_a_second(start: Start) -> None:
    split = start("die", count=6)
    for name in ("w@here", "w-2@here"):
        moments = [at for one, _, _, at in begun(split) if one == name]
        assert all(later - earlier > 0.5 for earlier, later in pairwise(moments)), moments
    end(split)


def test_it_begins_anew_without_the_alarm_of_a_restart(start: Start) -> None:
    split = start("die")
    wait_until(lambda: split.text().count("is started again") >= 2, "both to be waited for", 30)
    os.kill(split.pid, signal.SIGHUP)
    wait_until(lambda: split.text().count("comes up") == 2, "it to begin anew", 30)
    assert "alarm" not in split.text()
    end(split)


def test_no_signal_goes_to_a_process_that_is_buried(start: Start) -> None:
    split = start("hasty")
    os.kill(begun(split)[1][2], signal.SIGKILL)
    assert split.popen.wait(30) == 0
    assert "buried" not in split.text()


def test_it_watches_where_ends_are_ignored(start: Start) -> None:
    """As a program that wants no zombies hands it on to those that it starts."""
    split = start("unwatched")
    os.kill(begun(split)[0][2], signal.SIGKILL)
    wait_until(lambda: len(begun(split)) == 3, "a third", 30)
    end(split)


def test_it_watches_though_nobody_hears_it(start: Start) -> None:
    split = start(errors_to="/dev/full")
    os.kill(begun(split)[0][2], signal.SIGKILL)
    wait_until(lambda: len(begun(split)) == 3, "a third", 30)
    assert split.pid not in {pid for _, _, pid, _ in begun(split)}
    end(split)


def test_what_it_does_not_understand_ends_it(start: Start) -> None:
    """And it doesn't go on as one that performs, as Celery would have it."""
    split = start("broken")
    assert split.popen.wait(30) == 1
    assert "unheard of" in split.text() and begun(split) == []


def test_it_passes_on_who_wants_to_see_their_stacks(start: Start) -> None:
    split = start()
    os.kill(split.pid, signal.SIGUSR1)
    wait_until(lambda: split.text().count("stacks") == 2 or split.popen.poll() is not None, "both", 30)
    end(split)


def test_where_no_thread_can_begin_it_ends_with_what_to_do(start: Start) -> None:
    split = start("threadless")
    assert split.popen.wait(30) == 1
    assert "can't start new thread; raise the limit" in split.text() and "Traceback" not in split.text()


def test_a_hangup_starts_all_of_it_anew(house: House) -> None:
    """As Celery does where no terminal is; also when all processes hear of it."""
    house.settings["BOTTICELLI_WORKER__PROCESSES"] = "2"
    worker = house.coming_worker("--concurrency", "5", "--pidfile", str(house.folder / "pid"))
    wait_until(lambda: worker.text().count(" ready.") == 2, "both processes")
    os.killpg(worker.pid, signal.SIGHUP)
    wait_until(lambda: worker.text().count(" ready.") == 4 or worker.popen.poll() is not None, "both anew")
    assert (house.folder / "pid").read_text() == f"{worker.pid}\n"
    assert worker.stop() == 0
    assert worker.text().count("worker_ends") == 4 and not (house.folder / "pid").exists()
    assert "Restarting" not in worker.text(), "Celery began one of them anew"
