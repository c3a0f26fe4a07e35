"""A Redis that can be reached, and doesn't let us do something: what is missing is named before any work depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from botticelli.errors import RedisUnfit, ServiceUnavailable, SettingsError
from botticelli.runtime.redis_check import make_redis, require_fit
from botticelli.runtime.redis_permissions import COMMANDS, missing_permissions
from botticelli.testing.valkey import valkey_socket

ALL = ("+@all", "~perm*", "&perm*")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with valkey_socket() as socket:
        yield socket


def user(socket: str, *rules: str) -> Redis:
    """A client of a user that may do this."""
    with Redis(unix_socket_path=socket) as admin:
        admin.execute_command("ACL", "SETUSER", "narrow", "reset", "on", ">secret", *ALL, *rules)
    return make_redis(f"unix://narrow:secret@{socket}", "environment variable REDIS_URL")


def test_user_who_may_do_everything_lacks_nothing_and_nothing_is_run(server: str) -> None:
    client = user(server)
    assert missing_permissions(client, "perm") == []
    require_fit(client, prefix="perm")
    assert client.dbsize() == 0


@pytest.mark.parametrize("command", sorted({words[0].lower() for words in COMMANDS} | {"multi", "discard"}))
def test_each_missing_command_is_named(server: str, command: str) -> None:
    client = user(server, f"-{command}")
    with pytest.raises(RedisUnfit) as caught:
        require_fit(client, "environment variable REDIS_URL", "perm")
    said = str(caught.value)
    assert f"lacks permissions: +{command}" in said and "environment variable REDIS_URL: " in said
    assert client.execute_command("PING") if command != "ping" else True
    with Redis(unix_socket_path=server) as admin:
        assert admin.dbsize() == 0


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        (("-@scripting", "-client", "-config"), "+client|setname +eval +evalsha +script|load"),
        (("resetkeys", "~other*"), "~perm*"),
        (("resetchannels", "&other*"), "&perm*"),
    ],
)
def test_all_that_is_missing_is_named_at_once(server: str, rules: tuple[str, ...], missing: str) -> None:
    with pytest.raises(RedisUnfit) as caught:
        require_fit(user(server, *rules), prefix="perm")
    assert str(caught.value).endswith(f"run ACL SETUSER <its name> {missing}")


def test_wrong_password_is_not_called_unreachable(server: str) -> None:
    user(server)
    with pytest.raises(ServiceUnavailable) as caught:
        require_fit(make_redis(f"unix://narrow:hunter2@{server}", "--set redis.url"), "--set redis.url")
    said = str(caught.value)
    assert "rejected the user or the password" in said and "--set redis.url" in said and "hunter2" not in said


@pytest.mark.parametrize(
    "query",
    ["hunter2=1", "db=hunter2", "socket_timeout=hunter2", "ssl_ca_certs=/none/hunter2&x=1", "health_check_interval=x"],
)
def test_parameter_that_no_client_takes_is_a_settings_error(query: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_redis(f"rediss://:hunter2@127.0.0.1:1/0?{query}", "environment variable REDIS_URL")
    assert "environment variable REDIS_URL: redis.url" in str(caught.value)


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_certificate_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: there is no file"):
        make_redis(f"rediss://127.0.0.1:1/0?{name}={tmp_path / 'none.pem'}", "--set redis.url")
