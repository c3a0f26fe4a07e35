"""Where the sockets go, which folders are refused, and what is kept of a log."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from botticelli.errors import ServiceUnavailable, SettingsError
from botticelli.services.files.paths import Paths, last_lines, make_private, open_log
from botticelli.settings.home import find_home, make_home

LONGEST_NEAR = 103 - len("/services/run/.s.PGSQL.5432")


def test_sockets_lie_beside_the_data_where_that_fits():
    assert Paths(Path("/srv/data")).sockets == Path("/srv/data/services/run")


@pytest.mark.parametrize("name", ["with space", "ümlaut", "a,b", "a?b", "a%20b", "a+b", "a@b", "a:b", 'a"b', "a\nb"])
def test_a_path_that_a_url_cannot_carry_gets_a_short_socket_folder(name):
    paths = Paths(Path("/srv") / name)
    assert str(paths.sockets).startswith(f"/tmp/botticelli-{os.geteuid()}-")
    assert make_url(paths.database_url).query["host"] == str(paths.sockets)


def test_the_longest_path_that_a_socket_can_have():
    fits, too_long = (Paths(Path("/" + "d" * (length - 1))) for length in (LONGEST_NEAR, LONGEST_NEAR + 1))
    assert fits.sockets == fits.root / "run"
    assert len(str(fits.postgres_socket)) == 103
    assert too_long.sockets != too_long.root / "run"


def test_homes_do_not_share_sockets_and_spellings_of_one_home_do(tmp_path):
    (tmp_path / "one two").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "one two")
    home = Paths(tmp_path / "one two")
    assert Paths(tmp_path / "link" / ".." / "one two") == Paths(tmp_path / "link") == home
    assert Paths(tmp_path / "one three").sockets != home.sockets


def test_the_broker_and_redis_urls_name_one_socket():
    paths = Paths(Path("/srv/data"))
    assert paths.redis_url == "unix:///srv/data/services/run/redis.sock"
    assert paths.broker_url == "redis+socket:///srv/data/services/run/redis.sock"


def test_a_private_folder_is_made_and_closed_to_others(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path):
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    (tmp_path / "trap").symlink_to(target)
    with pytest.raises(SettingsError, match="is not a folder"):
        make_private(tmp_path / "trap")
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="can't make this folder"):
        make_private(tmp_path / "file")


def test_a_private_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SettingsError, match=f"belongs to user {owner}, and this process runs as user {owner + 1}"):
        make_private(tmp_path)


def test_the_last_lines_of_a_log(tmp_path):
    log = tmp_path / "x.log"
    assert last_lines(log, 3) == []
    log.write_bytes(b"one\ntwo\nthr\xff\n")
    assert last_lines(log, 2) == ["two", "thr\ufffd"]


def test_a_big_log_is_put_aside_once(tmp_path):
    log = tmp_path / "x.log"
    log.write_bytes(b"." * (1 << 20))
    os.close(open_log(log))
    assert not (tmp_path / "x.log.1").exists()
    log.write_bytes(b"." * ((1 << 20) + 1))
    os.close(open_log(log))
    assert (log.stat().st_size, (tmp_path / "x.log.1").stat().st_size) == (0, (1 << 20) + 1)


def test_new_data_directory_is_open_to_its_owner_only(tmp_path):
    before = os.umask(0o022)
    try:
        Paths(tmp_path / "of mine").make_root()
    finally:
        os.umask(before)
    assert (tmp_path / "of mine").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750, 0o701])
def test_data_directory_of_an_older_version_is_closed_to_others(tmp_path, mode):
    home = tmp_path / "old"
    (home / "services").mkdir(parents=True)
    home.chmod(mode)
    Paths(home).make_root()
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("inside", [".", "project"])
def test_folder_that_somebody_works_in_stays_open(tmp_path, monkeypatch, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / inside)
    tmp_path.chmod(0o755)
    Paths(tmp_path).make_root()
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "services").stat().st_mode & 0o777 == 0o700


def test_data_directory_of_another_user_keeps_its_mode(tmp_path, monkeypatch):
    home = tmp_path / "theirs"
    home.mkdir()
    home.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 1)
    make_home(home)
    assert home.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.EROFS, SettingsError, 2),
        (errno.EACCES, SettingsError, 2),
        (errno.ENAMETOOLONG, SettingsError, 2),
        (errno.ENOSPC, ServiceUnavailable, 1),
        (errno.EMFILE, ServiceUnavailable, 1),
    ],
)
def test_directory_that_can_not_be_made_is_a_mistake_unless_the_machine_is_full(
    tmp_path, monkeypatch, number, kind, code
):
    def fail(*_args, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(kind) as caught:
        make_home(tmp_path / "new")
    assert (type(caught.value), caught.value.exit_code) == (kind, code)


@pytest.mark.parametrize("name", ["file", "file/below", "~nobody-of-this-name/x", "x" * 5000])
def test_unusable_botticelli_home_is_a_mistake_of_the_settings(tmp_path, name):
    (tmp_path / "file").touch()
    named = name if name.startswith("~") else str(tmp_path / name)
    with pytest.raises(SettingsError, match="BOTTICELLI_HOME"):
        make_home(find_home({"BOTTICELLI_HOME": named}, tmp_path))
