"""Tests which environment variables a narrative may read."""

from __future__ import annotations

import pytest

from botticelli.narrative import Environment

VALUES = {
    "BOTTICELLI_VAR_TOPIC": "art",
    "TEST_GUILD_ID": "42",
    "DATABASE_URL": "postgres://h/d",
    "SITE": "https://example.org/?q=a@b",
    "FEED": "https://user:canary@example.org",
    "ANSWER": "sk-canary",
    "HOME": "/home/me",
}

SECRETS = [
    *(
        "OPENAI_API_KEY",
        "DISCORD_TOKEN",
        "aws_secret_access",
        "PGPASSWORD",
        "DB_PASSWD",
        "PASSPHRASE",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    *(
        "HTTP_AUTHORIZATION",
        "SENTRY_DSN",
        "DATABASE_URL",
        "REDIS_URL",
        "CELERY_BROKER_URL",
        "BOTTICELLI_DATABASE_URL",
        "MONGODB_URI",
    ),
    *(
        "SSH_PRIVATE",
        "SESSION_ID",
        "COOKIE_JAR",
        "DISCORD_WEBHOOK",
        "https_proxy",
        "CLOUDAMQP_URL",
        "DB_PWD",
        "MY_JWT",
        "FEED",
        "ANSWER",
    ),
]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_variable_is_not_read_by_local_file_unless_allowed(name: str) -> None:
    values = {name: "canary", **VALUES}
    assert Environment.for_local_files(values).get(name) is None
    assert Environment.for_local_files(values, allow=[name]).get(name) == values[name]


@pytest.mark.parametrize("name", ["BOTTICELLI_VAR_TOPIC", "TEST_GUILD_ID", "SITE", "HOME"])
def test_harmless_variable_is_read_by_local_file(name: str) -> None:
    assert Environment.for_local_files(VALUES).get(name) == VALUES[name]


def test_text_over_the_wire_reads_only_allowed_variables() -> None:
    wire = Environment.for_wire(VALUES, allow=["TEST_GUILD_ID"])
    assert [name for name in VALUES if wire.may_read(name)] == ["BOTTICELLI_VAR_TOPIC", "TEST_GUILD_ID"]


def test_default_environment_reads_nothing_and_hides_values() -> None:
    assert Environment().get("HOME") is None
    assert "canary" not in repr(Environment.for_local_files(VALUES))


@pytest.mark.parametrize("name", ["AUTHOR_ID", "AUTHORS", "KEYWORD", "PASSENGER", "AUTH_CHANNEL_ID", "TOKEN_ROLE_IDS"])
@pytest.mark.parametrize("value", ["123456789012345678", ""])
def test_plain_id_or_word_is_read_whatever_its_name_begins_with(name: str, value: str) -> None:
    assert Environment.for_local_files({name: value}).get(name) == value


@pytest.mark.parametrize("name", ["SESSION_ID", "SECRET_ID", "PASSWORD_ID", "API_KEY", "AUTHORIZATION"])
def test_number_under_the_name_of_a_secret_is_not_read(name: str) -> None:
    assert Environment.for_local_files({name: "123456789012345678"}).get(name) is None


@pytest.mark.parametrize("name", ["AUTHOR_ID", "NOWHERE_ID", "AUTH_CHANNEL_ID"])
def test_unset_id_has_a_placeholder_and_is_noted(name: str) -> None:
    environment = Environment.for_local_files({}).with_placeholders()
    assert environment.get(name) is not None
    assert environment.missing == [name]
