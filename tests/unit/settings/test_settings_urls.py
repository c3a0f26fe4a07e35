"""URLs of the settings: whatever a password holds, no message shows a part of it, and what is accepted is read alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.connection import parse_url
from sqlalchemy.engine import make_url

from botticelli.errors import SettingsError
from botticelli.settings import UrlFault, checked_url, load_settings, shown_url

SPECIAL = [
    "#",
    "/",
    "?",
    "@",
    ":",
    "%",
    "[",
    "]",
    " ",
    "\n",
    "\t",
    "\\",
    "é",
    "\u200b",
    "#/",
    "?@",
    "12/34",
    "]:[",
    "%zz",
]
READABLE = ["@", ":", "%", "[", "]", "]:[", "é", "%zz", "p@ss:w@rd", "!$&'()*+,;=~"]
REFUSED = [special for special in SPECIAL if special not in READABLE]


def read(tmp_path: Path, name: str, url: str) -> str:
    section = load_settings(environ={name: url}, cwd=tmp_path)
    value = section.redis.url if "REDIS" in name else section.database.url
    assert value is not None
    return value.get_secret_value()


@pytest.mark.parametrize("special", REFUSED)
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("BOTTICELLI_REDIS_URL", "redis://:{}@cache.example:6379/0"),
        ("REDIS_URL", "rediss://user:{}@cache.example"),
        ("BOTTICELLI_DATABASE_URL", "postgresql://user:{}@db.example:5432/app"),
        ("DATABASE_URL", "postgres://user:{}@db.example/app?sslmode=require"),
    ],
)
def test_password_that_breaks_a_url_is_refused_without_its_text(
    tmp_path: Path, name: str, url: str, special: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, name, url.format(f"hunter{special}2secret"))
    said = str(caught.value)
    assert "is not a valid URL" in said
    assert name in said
    assert not [part for part in ("hunter", "2secret", "12", "34", "example") if part in said]
    assert "%23" in said and "\n" not in said


@pytest.mark.parametrize("special", READABLE)
def test_password_that_is_not_ambiguous_reaches_both_libraries_whole(tmp_path: Path, special: str) -> None:
    password = f"hunter{special}2"
    redis_url = read(tmp_path, "REDIS_URL", f"redis://user:{password}@cache.example:7000/3")
    parsed = parse_url(redis_url)
    assert (parsed["username"], parsed["password"], parsed["host"], parsed["port"], parsed["db"]) == (
        "user",
        password,
        "cache.example",
        7000,
        3,
    )
    url = make_url(read(tmp_path, "DATABASE_URL", f"postgres://user:{password}@db.example:7001/app"))
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "user",
        password,
        "db.example",
        7001,
        "app",
    )


@pytest.mark.parametrize("name", ["REDIS_URL", "DATABASE_URL"])
def test_escaped_password_is_read_as_it_was_meant(tmp_path: Path, name: str) -> None:
    scheme = "redis" if name == "REDIS_URL" else "postgresql+psycopg2"
    url = read(tmp_path, name, f"{scheme}://u:%23%2F%3F%40%3A%25%5B%5D%20@[::1]:7000/0\n")
    assert (make_url(url).password, make_url(url).host) == ("#/?@:%[] ", "::1")
    if name == "REDIS_URL":
        assert (parse_url(url)["password"], parse_url(url)["host"]) == ("#/?@:%[] ", "::1")


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("REDIS_URL", "redis://host:abc/0", "port is not a number"),
        ("REDIS_URL", "redis://host:99999/0", "port is not a number from 1 to 65,535"),
        ("REDIS_URL", "redis://host:0", "port is not a number"),
        ("REDIS_URL", "redis://host:-1", "port is not a number"),
        ("REDIS_URL", "redis://host:٣", "port is not a number"),
        ("REDIS_URL", "redis://[::1", "host is not a name"),
        ("REDIS_URL", "redis://::1:6379", "port is not a number"),
        ("REDIS_URL", "redis://[::1]x:6379", "text follows its host"),
        ("REDIS_URL", "redis://[zz]:6379", "not an IPv6 address"),
        ("REDIS_URL", "redis://", "names no host"),
        ("REDIS_URL", "redis:///0", "names no host"),
        ("REDIS_URL", "redis://:hunter2@:6379", "names no host"),
        ("REDIS_URL", "redis://host/name", "number of a database"),
        ("REDIS_URL", "unix://tmp/redis.sock", "three slashes"),
        ("REDIS_URL", "http://hunter2.example", "must be a redis://, rediss:// or unix:// URL"),
        ("REDIS_URL", "hunter2", "must be a redis://"),
        ("REDIS_URL", "redis:/hunter2", "must be a redis://"),
        ("REDIS_URL", "redis://" + "h" * 5000, "longer than"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "must be a postgresql:// or postgres:// URL"),
        ("DATABASE_URL", "sqlite:///hunter2.db", "must be a postgresql://"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/d", "port is not a number"),
        ("DATABASE_URL", "postgresql://u:hunter2@h1:5432,h2:5432/d", "port is not a number"),
        ("DATABASE_URL", "postgresql://u:hunter2@h\udc80/d", "invisible characters"),
        ("BOTTICELLI_REDIS__URL", "", "is empty"),
        ("BOTTICELLI_DATABASE__URL", " ", "is empty"),
    ],
)
def test_url_that_names_no_server_is_one_line_with_its_variable(tmp_path: Path, name: str, url: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={name: url}, cwd=tmp_path)
    message = str(caught.value)
    assert said in message and f"environment variable {name}" in message
    assert "hunter2" not in message and "\n" not in message


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("postgres://h/d", "postgresql+psycopg2://h/d"),
        ("POSTGRESQL+asyncpg://h:1/d", "postgresql+psycopg2://h:1/d"),
        ("postgresql+psycopg2:///d?host=/tmp", "postgresql+psycopg2:///d?host=/tmp"),
        ("postgresql://u:p@/d?host=/tmp", "postgresql+psycopg2://u:p@/d?host=/tmp"),
        ("  postgresql://h:/d\r\n", "postgresql+psycopg2://h/d"),
    ],
)
def test_spelling_of_a_database_url_means_psycopg2(tmp_path: Path, url: str, meant: str) -> None:
    assert read(tmp_path, "DATABASE_URL", url) == meant


def test_url_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text('[redis]\nprefix = "b"\nurl = "redis://:hun#ter2@h"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={"DATABASE_URL": "postgresql://h/d"}, cwd=tmp_path)
    assert "botticelli.toml:3:1: redis.url is not a valid URL" in str(caught.value)
    assert "hun" not in str(caught.value) and "ter2" not in str(caught.value)


def test_origin_of_each_url_is_the_source_that_won(tmp_path: Path) -> None:
    (tmp_path / "botticelli.toml").write_text('[redis]\nurl = "redis://h"\n[database]\nurl = "postgres://h/file"\n')
    settings = load_settings(environ={"DATABASE_URL": "postgres://h/d"}, cwd=tmp_path)
    assert settings.where("database", "url") == "environment variable DATABASE_URL"
    assert settings.where("redis", "url") == f"{tmp_path / 'botticelli.toml'}:2:1"
    flagged = load_settings({"redis.url": "redis://f"}, environ={}, cwd=tmp_path)
    assert flagged.where("redis", "url") == "--set redis.url"


@pytest.mark.parametrize(
    "url", ["https://u:p@h", "https://h:abc", "https://[::1", "https://", "ftp://h", "https://h/ x"]
)
def test_http_url_without_login_refuses_what_no_client_takes(url: str) -> None:
    with pytest.raises(UrlFault):
        checked_url(url, ("http", "https"), login=False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@h:1/0", "redis://:***@h:1/0"),
        ("redis://hunter2@h", "redis://***@h"),
        ("postgresql+psycopg2://u:hunter2@h/d?password=hunter2&host=/tmp", "postgresql+psycopg2://u:***@h/d?host=/tmp"),
        ("redis://:hun#ter2@h", "redis://***"),
        ("redis://:12/hunter2@h", "redis://***"),
        ("hunter2", "***"),
    ],
)
def test_shown_url_holds_no_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown
