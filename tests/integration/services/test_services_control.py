"""status, logs, up and down, and what a user is told when a server does not answer."""

from __future__ import annotations

import os
import re
import signal
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from botticelli import services
from botticelli.errors import NotFound, ServiceUnavailable, SettingsError
from botticelli.services.files.locks import EXCLUSIVE, is_held, open_lock, take
from botticelli.services.files.paths import Paths
from botticelli.services.supervisor import LINGER_SECONDS
from tests.support.waiting import wait_until


def states(home):
    return [service.state for service in services.status(home)]


def running(home):
    """Return the statuses of both servers; None while one of them is slow to answer."""
    statuses = services.status(home)
    return statuses if [service.state for service in statuses] == ["running", "running"] else None


@pytest.mark.usefixtures("first_start")
def test_looking_starts_nothing_and_makes_nothing(home):
    assert states(home) == ["stopped", "stopped"]
    assert services.logs(home, "postgres") == []
    assert services.down(home) is None
    assert not home.exists()


def test_status_describes_running_servers(home, keeper_pid, until):
    with services.join(home) as membership:
        postgres, redis = until(lambda: running(home))
    assert (postgres.name, redis.name) == ("postgres", "redis")
    assert (postgres.url, redis.url) == (membership.database_url, membership.redis_url)
    assert postgres.version.split(".")[0].isdigit()
    assert redis.version.startswith("valkey ")
    assert 0 <= postgres.uptime_seconds < 600
    assert (postgres.users, postgres.pinned, postgres.detail) == (1, False, "")
    assert redis.data.is_dir()
    assert postgres.log.is_file()
    assert len({postgres.pid, redis.pid, keeper_pid(), os.getpid()}) == 4


def test_up_keeps_the_servers_without_users_until_down(home, until):
    services.up(home)
    until(lambda: (servers := running(home)) and servers[0].uptime_seconds > 2 * LINGER_SECONDS)
    # The keeper has the users' lock for moments, in which nobody can count them.
    until(lambda: [(service.users, service.pinned) for service in services.status(home)] == [(0, True)] * 2)
    assert services.down(home) is None
    assert states(home) == ["stopped", "stopped"]
    assert not services.status(home)[0].pinned


def test_servers_that_were_up_stop_when_the_pin_is_gone_and_the_last_user_leaves(home, until):
    services.up(home)
    Paths(home).pin.unlink()
    until(lambda: states(home) == ["stopped", "stopped"])


def test_down_refuses_while_others_use_the_services_and_changes_nothing(home, user, pids):
    services.up(home)
    users = [user(), user()]
    for program in users:
        program.joined()
    before = pids()
    assert services.down(home) == services.InUse(2)
    assert str(services.down(home)) == "2 processes use them"
    assert pids() == before
    assert services.status(home)[0].pinned
    for program in users:
        program.leave()
    assert services.down(home) is None


def test_down_waits_for_servers_that_are_being_stopped_already(home):
    """As the keeper does when the last user has gone: that is nobody who uses them."""
    services.join(home).leave()
    users = open_lock(Paths(home).users)
    assert wait_until(lambda: take(users, EXCLUSIVE), "the lock that nobody has")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(services.down, home)
        with pytest.raises(TimeoutError):
            answer.result(1)
        os.close(users)
        assert answer.result(60) is None


def test_forced_down_stops_the_servers_and_a_user_that_needs_them_starts_them_again(home, until):
    with services.join(home):
        assert services.down(home, force=True) is None
        assert states(home) == ["stopped", "stopped"]
        services.ensure(home)
        until(lambda: states(home) == ["running", "running"])


def test_down_stops_servers_whose_keeper_was_killed(home, keeper_pid):
    services.up(home)
    os.kill(keeper_pid(), signal.SIGKILL)
    assert services.down(home) is None
    assert states(home) == ["stopped", "stopped"]


def test_logs_are_the_last_lines_of_each_server_and_of_the_keeper(home, until):
    with services.join(home):
        until(lambda: any("ready to accept connections" in line for line in services.logs(home, "postgres")))
        until(lambda: any("Ready to accept connections" in line for line in services.logs(home, "redis")))
        assert len(services.logs(home, "redis", 2)) == 2
        until(lambda: any("redis started" in line for line in services.logs(home, "keeper")))
    with pytest.raises(NotFound, match="postgres, redis, keeper"):
        services.logs(home, "../../etc/passwd")


def refusal(home):
    """Return the error for a short timeout. The other server may be slow for once."""
    with pytest.raises(ServiceUnavailable) as caught:
        services.join(home, deadline_seconds=0.5)
    return str(caught.value)


@pytest.mark.parametrize(("victim", "name"), [(0, "postgres"), (1, "redis")])
def test_a_server_that_hangs_is_unresponsive_and_joining_says_so_in_time(home, pids, until, victim, name):
    with services.join(home):
        pid = pids()[victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            hung = services.status(home)[victim]
            assert (hung.state, hung.pid, hung.version) == ("unresponsive", pid, None)
            assert hung.detail
            until(lambda: re.search(rf"{name} does not answer .*keeper\.log ends with: ", refusal(home)))
        finally:
            os.kill(pid, signal.SIGCONT)
        until(lambda: states(home) == ["running", "running"])
        assert services.status(home)[0].users == 1


@pytest.mark.usefixtures("first_start")
def test_a_cluster_of_another_major_version_is_named_at_once(home):
    data = Paths(home).data("postgres")
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceUnavailable, match="made by Postgres 9"):
        services.join(home)
    assert not is_held(Paths(home).keeper)


def test_a_server_that_cannot_start_is_reported_with_its_own_last_line(home, until):
    services.join(home).leave()
    until(lambda: states(home) == ["stopped", "stopped"])
    (Paths(home).data("postgres") / "postgresql.conf").write_text("no_such_setting = 1\n")

    until(lambda: re.search(r"configuration file .* contains errors", refusal(home)))


def test_the_folder_of_another_user_is_refused(home, monkeypatch):
    services.join(home).leave()
    owner = Paths(home).root.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SettingsError, match=f"belongs to user {owner}"):
        services.join(home)


@pytest.mark.usefixtures("first_start")
def test_a_folder_left_open_to_others_is_closed(home):
    Paths(home).root.mkdir(parents=True, mode=0o755)
    with services.join(home):
        assert stat.S_IMODE(Paths(home).root.stat().st_mode) == 0o700
