"""Arguments against the catalogue: types, limits, other names, templates."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.platforms import TEMPLATED, check_arguments
from botticelli.platforms.discord.catalogue.catalogue import catalogue


def check(command: str, **given: Any) -> Any:
    return check_arguments(catalogue().entries[command].spec, given)


@pytest.mark.parametrize(
    ("command", "given", "name", "value"),
    [
        ("channels.get", {"channel_id": 123}, "channel_id", "123"),
        ("messages.list", {"channel_id": "1", "limit": "7"}, "limit", 7),
        ("messages.list", {"channel_id": "1"}, "limit", 50),
        ("roles.edit", {"guild_id": "1", "role_id": "2", "hoist": "TRUE"}, "hoist", True),
        ("channels.create", {"guild_id": "1", "name": "x", "channel_type": "Voice"}, "kind", "voice"),
        ("channels.create", {"guild_id": "1", "name": 5}, "name", "5"),
        ("events.edit", {"guild_id": "1", "event_id": "2", "start_time": "2030-01-01T10:00"}, "start_time",
         "2030-01-01T10:00:00+00:00"),
        ("messages.bulk_delete", {"channel_id": "1", "message_ids": [1, "2", "2"]}, "message_ids", ["1", "2"]),
        ("messages.send", {"channel_id": TEMPLATED, "content": TEMPLATED}, "channel_id", TEMPLATED),
    ],
)  # fmt: skip
def test_values_become_those_of_their_type(command: str, given: dict[str, Any], name: str, value: Any) -> None:
    checked = check(command, **given)
    assert checked.faults == []
    assert checked.args[name] == value


@pytest.mark.parametrize(("given", "used"), [({"limit": 5000}, 1000), ({"limit": 0}, 1), ({"limit": "99999"}, 1000)])
def test_numbers_beyond_a_limit_become_the_limit(given: dict[str, Any], used: int) -> None:
    checked = check("members.list", guild_id="1", **given)
    assert (checked.args["limit"], len(checked.warnings)) == (used, 1)
    assert (
        check("threads.create", channel_id="1", name="x", auto_archive_duration=100).args["auto_archive_duration"] == 60
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channel_id": "1"}, "content"),
        ({"channel_id": True, "content": "x"}, "channel_id must be an id"),
        ({"channel_id": "1" * 30, "content": "x"}, "channel_id must be an id"),
        ({"channel_id": "\u0661", "content": "x"}, "channel_id must be an id"),
        ({"channel_id": "1", "content": "  "}, "content is empty"),
        ({"channel_id": "1", "content": "x", "tts": "maybe"}, "tts must be true or false"),
        ({"channel_id": "1", "content": "x", "contents": "y"}, "did you mean content?"),
        ({"channel_id": "1", "content": "x", "embeds": [{}] * 11}, "embeds has 11 items"),
    ],
)
def test_wrong_argument_is_named(given: dict[str, Any], said: str) -> None:
    faults = [f"{message.name} {message.message}; {message.hint}" for message in check("messages.send", **given).faults]
    assert len(faults) == 1
    assert said in faults[0]


def test_a_guild_that_the_settings_name_is_taken_only_where_it_is_needed() -> None:
    spec = catalogue().entries["channels.create"].spec
    assert check_arguments(spec, {"name": "x"}, default_guild="9").args["guild_id"] == "9"
    assert "guild_id" not in check_arguments(catalogue().entries["channels.get"].spec, {"channel_id": "1"}).args
    assert [fault.name for fault in check_arguments(spec, {"name": "x"}).faults] == ["guild_id"]


EDITS = sorted(name for name in catalogue().entries if name.endswith(".edit"))


@pytest.mark.parametrize("command", EDITS)
def test_edit_without_change_is_refused(command: str) -> None:
    spec = catalogue().entries[command].spec
    assert spec.args is not None and spec.changes
    named: dict[str, Any] = {name: "1" for name, arg in spec.args.items() if arg.required and arg.type == "id"}
    for given in (named, {**named, "reason": "because"}, {**named, "guild_id": "1"}):
        usual = {name: value for name, value in given.items() if name in spec.args}
        assert any(
            "nothing" in fault.message or "is required by" in fault.message for fault in check(command, **usual).faults
        )
    for name in spec.changes:
        faults = check(command, **named, **{name: TEMPLATED}).faults
        assert not any("nothing" in fault.message for fault in faults)


def test_edits_are_all_that_change_parts_of_a_thing() -> None:
    """Any command that only sends optional fields would send an empty body."""
    for name, entry in catalogue().entries.items():
        fields = [entry.spec.args[here] for here in entry.body.values() if entry.spec.args]
        if (entry.route or "").startswith("PATCH") and not entry.body_all and not any(arg.required for arg in fields):
            assert entry.spec.changes, name


def test_edit_with_wrong_value_is_told_only_that() -> None:
    faults = check("roles.edit", guild_id="1", role_id="2", hoist="maybe").faults
    assert [fault.name for fault in faults] == ["hoist"]


@pytest.mark.parametrize("text", ["--5", "-", "5-", "- 5", "1e5", "0x10", "²", "", "-" * 9])
def test_text_that_only_resembles_a_number_is_told(text: str) -> None:
    faults = check("members.list", guild_id="1", limit=text).faults
    assert [fault.message for fault in faults] == ["must be a whole number"]
