"""kill -9 of each of them, stale files, a removed data directory: the servers come back, or go, and never twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading

import psycopg2
import pytest
import redis

from botticelli import services
from botticelli.errors import ServiceUnavailable
from botticelli.services.files.locks import is_held
from botticelli.services.files.paths import Paths

POSTGRES, REDIS = 0, 1


def postgres(membership):
    return psycopg2.connect(membership.database_url.replace("+psycopg2", ""))


def is_replaced(now, before, victim):
    return len(now) == 2 and now[victim] != before[victim]


@pytest.mark.parametrize("victim", [POSTGRES, REDIS])
def test_a_killed_server_is_back_in_seconds_with_its_data(home, pids, until, victim):
    with services.join(home) as membership:
        with postgres(membership) as connection:
            connection.cursor().execute("CREATE TABLE kept AS SELECT 7 AS n")
        redis.Redis.from_url(membership.redis_url).set("kept", "7")
        before = pids()
        os.kill(before[victim], signal.SIGKILL)
        until(lambda: is_replaced(pids(), before, victim))
        assert pids()[1 - victim] == before[1 - victim]
        with postgres(membership) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT n FROM kept")
            assert cursor.fetchone() == (7,)
        connection.close()
        if victim == POSTGRES:
            assert redis.Redis.from_url(membership.redis_url).get("kept") == b"7"


def test_a_postmaster_killed_under_open_sessions_is_back_in_seconds(home, pids, until):
    with services.join(home) as membership:
        sessions = [postgres(membership) for _ in range(20)]
        before = pids()
        os.kill(before[POSTGRES], signal.SIGKILL)
        until(lambda: is_replaced(pids(), before, POSTGRES))
        with pytest.raises(psycopg2.OperationalError):
            sessions[0].cursor().execute("SELECT 1")
        for session in sessions:
            session.close()


def test_servers_outlive_a_killed_keeper_and_the_next_one_adopts_and_later_stops_them(home, pids, keeper_pid, until):
    with services.join(home):
        servers, keeper = pids(), keeper_pid()
        os.kill(keeper, signal.SIGKILL)
        until(lambda: _ensured(home) and keeper_pid() != keeper)
        until(lambda: sum("adopted as process" in line for line in services.logs(home, "keeper")) == 2)
        assert pids() == servers
    until(lambda: [service.state for service in services.status(home)] == ["stopped", "stopped"])


@pytest.mark.parametrize("victim", [POSTGRES, REDIS])
def test_an_adopted_server_that_dies_is_restarted(home, pids, keeper_pid, until, victim):
    with services.join(home):
        servers, keeper = pids(), keeper_pid()
        os.kill(keeper, signal.SIGKILL)
        until(lambda: _ensured(home) and keeper_pid() != keeper)
        until(lambda: sum("adopted as process" in line for line in services.logs(home, "keeper")) == 2)
        os.kill(servers[victim], signal.SIGKILL)
        until(lambda: is_replaced(pids(), servers, victim))


def test_the_last_user_to_leave_does_not_leave_servers_without_a_keeper(home, keeper_pid, until):
    with services.join(home):
        os.kill(keeper_pid(), signal.SIGKILL)
        until(lambda: not is_held(Paths(home).keeper))
    until(lambda: [service.state for service in services.status(home)] == ["stopped", "stopped"])


def test_all_killed_at_once_are_back_after_ensure(home, pids, keeper_pid, until):
    with services.join(home):
        before = [keeper_pid(), *pids()]
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: _ensured(home) and len(now := [keeper_pid(), *pids()]) == 3 and not set(before) & set(now))


def test_servers_stop_when_their_only_user_is_killed(home, user, pids, until):
    program = user()
    program.joined()
    assert len(pids()) == 2
    program.die(signal.SIGKILL)
    until(lambda: [service.state for service in services.status(home)] == ["stopped", "stopped"])


def test_ctrl_c_in_the_terminal_that_started_them_does_not_reach_the_servers(home, user, pids):
    program = user()
    program.joined()
    with services.join(home):
        servers = pids()
        program.die(signal.SIGINT)
        assert pids() == servers
        assert services.status(home)[0].users == 1


def test_stale_files_that_name_a_living_process_do_not_stop_a_start(home, until):
    services.join(home).leave()
    paths = Paths(home)
    until(
        lambda: not is_held(paths.keeper)
    )  # when the servers are stopped, the keeper has still to take their folder away
    paths.make_sockets()
    mine = f"{os.getpid()}\n"
    (paths.data("postgres") / "postmaster.pid").write_text(f"{mine}{paths.data('postgres')}\n1\n5432\n\n\n")
    (paths.data("redis") / "redis.pid").write_text(mine)
    paths.postgres_socket.with_name(f"{paths.postgres_socket.name}.lock").write_text(mine)
    paths.keeper.write_text(mine)
    with services.join(home):
        assert os.getpid() not in [service.pid for service in services.status(home)]


@pytest.mark.usefixtures("first_start")
def test_a_cluster_that_was_never_finished_is_made_again(home):
    unfinished = Paths(home).root / "postgres.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with services.join(home) as membership:
        postgres(membership).close()
    assert not unfinished.exists()


@pytest.mark.usefixtures("first_start")
def test_a_keeper_killed_while_it_makes_the_cluster_leaves_nothing_in_the_way(home, user, keeper_pid, until):
    root = Paths(home).root
    program = user()
    until(lambda: (root / "postgres.unfinished").exists() or (root / "postgres").exists())
    while (root / "postgres").exists():  # the test was too slow to see it
        program.joined()
        program.leave()
        assert services.down(home) is None
        shutil.rmtree(root)
        program = user()
        until(lambda: (root / "postgres.unfinished").exists() or (root / "postgres").exists())
    os.kill(keeper_pid(), signal.SIGKILL)
    assert program.joined()["database_url"].startswith("postgresql")
    program.leave()


def test_servers_and_keeper_go_when_the_data_directory_is_removed(home, processes, until):
    with services.join(home):
        until(lambda: len(processes(home)) == 3)
        until(lambda: shutil.rmtree(home, ignore_errors=True) or not home.exists())
        until(lambda: not processes(home))
        with pytest.raises(ServiceUnavailable, match="removed"):
            services.ensure(home)


@pytest.mark.usefixtures("first_start")
def test_a_child_forked_while_a_keeper_starts_does_not_keep_its_lock(home, keeper_pid, until, monkeypatch):
    reader, writer = os.pipe()
    children = []

    def fork():
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        children.append(child)

    forking = threading.Thread(target=fork)
    run = subprocess.run

    def run_beside_a_fork(*words, **options):
        monkeypatch.undo()
        forking.start()
        forking.join(0.3)
        return run(*words, **options)

    monkeypatch.setattr(subprocess, "run", run_beside_a_fork)
    with services.join(home):
        forking.join()
        keeper = keeper_pid()
        os.kill(keeper, signal.SIGKILL)
        until(lambda: _ensured(home) and keeper_pid() != keeper)
    os.close(writer)
    os.waitpid(children[0], 0)


def _ensured(home):
    services.ensure(home)
    return True
