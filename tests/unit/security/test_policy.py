"""Rules about one command: globs, guilds, channels, confirmations; nothing is asked that need not be."""

from __future__ import annotations

from typing import Any

import pytest

from botticelli.platforms import TEMPLATED, ChannelLocation, CommandSpec, Platforms
from botticelli.platforms.discord.catalogue.catalogue import catalogue
from botticelli.security.policy import Allowed, Call, Denied, NeedsApproval, Rules, Verdict, call_of, judge

HOUSE = Rules("the house")


def call(command: str = "messages.send", *, writes: bool = True, makes: str | None = None, **args: Any) -> Call:
    return Call("discord", command, writes, args or {"channel_id": "7"}, makes)


def located(identity: str) -> ChannelLocation | None:
    """7 is the channel `bot-news` of guild 1; 70 is a thread in it; 8 is `general` of guild 2; nobody knows 9."""
    known = {
        "7": ChannelLocation("1", "7", "bot-news"),
        "70": ChannelLocation("1", "7", "bot-news"),
        "8": ChannelLocation("2", "8", "general"),
    }
    return known.get(identity)


def never(identity: str) -> ChannelLocation | None:
    raise AssertionError(f"{identity} was looked up")


def said(verdict: Verdict) -> str:
    assert isinstance(verdict, Denied)
    return str(verdict)


@pytest.mark.parametrize(
    ("rules", "command", "writes", "allowed"),
    [
        (HOUSE, "members.ban", True, True),
        (Rules("", allowed=("messages.*",)), "messages.send", True, True),
        (Rules("", allowed=("messages.*",)), "messages.list", False, True),
        (Rules("", allowed=("messages.*",)), "members.ban", True, False),
        (Rules("", allowed=("messages.*",)), "channels.list", False, False),
        (Rules("", allowed=("messages.send",)), "messages.send_all", True, False),
        (Rules("", allowed=("discord.messages.*",)), "messages.send", True, True),
        (Rules("", allowed=("database.*",)), "messages.send", True, False),
        (Rules("", allowed=()), "messages.list", False, False),
        (Rules("", denied=("members.*",)), "members.ban", True, False),
        (Rules("", allowed=("*",), denied=("members.*",)), "members.list", False, False),
        (Rules("", default="deny_writes"), "messages.list", False, True),
        (Rules("", default="deny_writes"), "messages.send", True, False),
        (Rules("", default="deny"), "messages.list", False, False),
    ],
)
def test_commands(rules: Rules, command: str, writes: bool, allowed: bool) -> None:
    assert isinstance(judge([rules], call(command, writes=writes), never), Allowed if allowed else Denied)


def test_all_rules_have_to_allow_it() -> None:
    wide, narrow = Rules("wide", allowed=("*",)), Rules("narrow", allowed=("messages.get",))
    assert said(judge([wide, narrow], call())) == (
        "messages.send is not allowed by narrow; allowed commands: messages.get"
    )
    assert said(judge([narrow, wide], call())).startswith("messages.send is not allowed by narrow")


def test_a_rehearsal_writes_nothing() -> None:
    rehearsed = Call("discord", "messages.send", True, {"channel_id": "7"}, is_rehearsal=True)
    assert judge([Rules("", default="deny_writes")], rehearsed) == Allowed()
    assert isinstance(judge([Rules("", allowed=())], rehearsed), Denied)


@pytest.mark.parametrize(
    ("args", "allowed"),
    [
        ({"guild_id": "1", "name": "x"}, True),
        ({"guild_id": 1}, True),
        ({"guild_id": "2"}, False),
        ({"guild_id": TEMPLATED}, True),
        ({"channel_id": "7"}, True),
        ({"channel_id": "8"}, False),
        ({"channel_id": "9"}, False),
        ({"guild_id": "1", "channel_id": "8"}, False),
        ({"thread_id": "70"}, True),
        ({"user_id": "5"}, False),
    ],
)
def test_guilds(args: dict[str, Any], allowed: bool) -> None:
    verdict = judge([Rules("", guild_ids=("1",))], call("x.write", **args), located)
    assert isinstance(verdict, Allowed if allowed else Denied)


@pytest.mark.parametrize(
    ("command", "makes", "args", "allowed"),
    [
        ("messages.send", "message", {"channel_id": "7"}, True),
        ("messages.send", "message", {"channel_id": "8"}, False),
        ("messages.send", "message", {"channel_id": "9"}, False),
        ("threads.edit", None, {"thread_id": "70", "name": "any"}, True),
        ("channels.create", "channel", {"guild_id": "1", "name": "bot-new"}, True),
        ("channels.create", "channel", {"guild_id": "1", "name": "new-bot-"}, False),
        ("channels.edit", "channel", {"channel_id": "7", "name": "general"}, False),
        ("channels.edit", "channel", {"channel_id": "7", "topic": "x"}, True),
        ("roles.create", "role", {"guild_id": "1", "name": "painter"}, True),
    ],
)
def test_prefixes_of_channels(command: str, makes: str | None, args: dict[str, Any], allowed: bool) -> None:
    verdict = judge([Rules("", channel_prefix="bot-")], call(command, makes=makes, **args), located)
    assert isinstance(verdict, Allowed if allowed else Denied)


@pytest.mark.parametrize(
    ("command", "makes", "args", "allowed"),
    [
        ("messages.send", "message", {"channel_id": "7"}, True),
        ("messages.send", "message", {"channel_id": "8"}, False),
        ("threads.join", None, {"thread_id": "70"}, True),
        ("threads.join", None, {"thread_id": "8"}, False),
        ("channels.create", "channel", {"guild_id": "1", "name": "new"}, False),
        ("roles.create", "role", {"guild_id": "1", "name": "painter"}, True),
    ],
)
def test_ids_of_channels(command: str, makes: str | None, args: dict[str, Any], allowed: bool) -> None:
    verdict = judge([Rules("", channel_ids=("7",))], call(command, makes=makes, **args), located)
    assert isinstance(verdict, Allowed if allowed else Denied)


def test_written_place_is_judged_before_the_platform_is_asked() -> None:
    """Also when the rules that want to ask come first."""
    asking = Rules("asking", channel_prefix="bot-")
    telling = Rules("telling", guild_ids=("1",), channel_ids=("7",))
    for rules in ([asking, telling], [telling, asking]):
        assert "guild 2" in said(judge(rules, call(guild_id="2", channel_id="7"), never))
        assert "channel 8" in said(judge(rules, call(channel_id="8"), never))


def test_before_a_run_exists_nobody_is_asked_and_templates_pass() -> None:
    rules = [Rules("", guild_ids=("1",), channel_prefix="bot-", channel_ids=("7",))]
    assert judge(rules, call(channel_id="7")) == Allowed()
    assert judge(rules, call(guild_id=TEMPLATED, channel_id=TEMPLATED)) == Allowed()


def test_a_place_without_guilds_has_no_constraints() -> None:
    rules = [Rules("", guild_ids=("1",), channel_prefix="x", channel_ids=("7",))]
    update = Call("database", "update_table", True, {"table_name": "posts"}, has_places=False)
    assert judge(rules, update, never) == Allowed()
    assert isinstance(judge([Rules("", allowed=("messages.*",))], update), Denied)


@pytest.mark.parametrize(
    ("confirm", "writes", "is_needed"),
    [(True, True, True), (True, False, False), (("messages.*",), True, True), (("members.*",), True, False)],
)
def test_confirmations(confirm: bool | tuple[str, ...], writes: bool, is_needed: bool) -> None:
    verdict = judge([HOUSE, Rules("ada", confirm=confirm)], call(writes=writes))
    assert verdict == (NeedsApproval("ada") if is_needed else Allowed())


def test_denied_command_needs_no_approval() -> None:
    assert isinstance(judge([Rules("", confirm=True), Rules("", denied=("*",))], call()), Denied)


PLACED = [
    (entry.spec, name, arg.place)
    for entry in catalogue().entries.values()
    for name, arg in (entry.spec.args or {}).items()
    if arg.place is not None
]
OF_NO_PLACE = {"message_id", "message_ids", "user_id", "role_id", "event_id", "reply_to", "roles"}
"""Ids of what is in a guild or a channel that the same command names."""


def test_every_id_of_the_catalogue_is_a_place_or_in_one() -> None:
    ids = {
        name: arg
        for entry in catalogue().entries.values()
        for name, arg in (entry.spec.args or {}).items()
        if arg.type in ("id", "ids")
    }
    assert {name for name, arg in ids.items() if arg.place is None} == OF_NO_PLACE


@pytest.mark.parametrize(("spec", "name", "kind"), PLACED, ids=[f"{spec.name}.{name}" for spec, name, _ in PLACED])
def test_each_place_that_a_command_names_is_judged(spec: CommandSpec, name: str, kind: str) -> None:
    """One place of the command is abroad, the others are at home."""
    home = {"guild": "1", "channel": "7", "thread": "70"}
    args = {other: home[arg.place] for other, arg in (spec.args or {}).items() if arg.place is not None}
    args |= {"name": "bot-new"} if "name" in (spec.args or {}) else {}
    rules = [Rules("", guild_ids=("1",)), Rules("", channel_prefix="bot-")]
    platform = Platforms({}).get("discord")
    assert isinstance(judge(rules, call_of(platform, "discord", spec, args), located), Allowed)
    for abroad in ({"guild": "2"}.get(kind, "8"), {"guild": "2"}.get(kind, "9")):
        foreign = call_of(platform, "discord", spec, {**args, name: abroad})
        verdict = judge(rules, foreign, located)
        assert isinstance(verdict, Denied)
        assert verdict.key == name


def test_category_is_held_to_the_channels_that_are_listed() -> None:
    rules = [Rules("", channel_ids=("7",))]
    assert "channel 8" in said(judge(rules, call(channel_id="7", category_id="8"), never))
    assert isinstance(judge(rules, call(channel_id="7", category_id="7"), never), Allowed)


def test_category_of_another_guild_is_refused_for_commands_without_a_catalogue() -> None:
    foreign = call("channels.create", makes="channel", guild_id="1", name="bot-x", parent_id="8")
    assert "parent_id 8 is in guild 2" in said(judge([Rules("", guild_ids=("1",))], foreign, located))
