"""The catalogue is whole: every entry leads somewhere, and the command reference is made from it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botticelli.platforms import CommandOutput, EffectIntent, Platform
from botticelli.platforms.discord.catalogue.catalogue import catalogue
from botticelli.platforms.discord.catalogue.reference_page import page
from botticelli.platforms.discord.commands.guild_commands import STEPS
from botticelli.platforms.discord.fake import BOT_ID, World
from botticelli.platforms.discord.fake.persistent import PersistentFake
from botticelli.platforms.discord.fake.stored_messages import add
from botticelli.platforms.discord.platform import DiscordPlatform
from botticelli.platforms.discord.rest.api import Reply, Request
from botticelli.platforms.discord.rest.request_limits import MemoryMeter
from botticelli.platforms.echo import AnyPlatform, RehearsedDiscord
from botticelli.platforms.protocol import PlatformContext
from botticelli.testing.platforms import PlatformConformance

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "discord.md"


def test_the_page_of_commands_is_made_from_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", catalogue().entries)
def test_an_entry_leads_somewhere(name: str) -> None:
    entry = catalogue().entries[name]
    args = set(entry.spec.args or {})
    assert (entry.route is None) != (entry.steps is None)
    assert entry.steps is None or entry.steps in STEPS
    assert set(re.findall(r"\{(\w+)\}", entry.route or "")) | set(entry.body.values()) <= args
    assert set(entry.query.values()) <= args
    if isinstance(entry.answer, str):
        assert entry.answer.strip("[]") in catalogue().shapes
    assert entry.route is None or entry.route.startswith("GET ") != entry.spec.writes
    assert entry.deletes is None or entry.deletes in args


def test_names_that_are_guessed_lead_to_commands() -> None:
    assert set(catalogue().mistakes.values()) <= catalogue().entries.keys()
    assert not set(catalogue().mistakes) & catalogue().entries.keys()


class Transport:
    """A strict little Discord without a network."""

    def __init__(self) -> None:
        self.world = World()
        self.world.data.add_guild("1")

    def send(self, request: Request) -> Reply:
        return PersistentFake._answer(self.world, request)


class TestDiscord(PlatformConformance):
    @pytest.fixture
    def platform(self) -> Platform:
        return DiscordPlatform("discord", {}, Transport())


class TestRehearsedDiscord(PlatformConformance):
    @pytest.fixture
    def platform(self, tmp_path: Path) -> Platform:
        made = RehearsedDiscord("discord", {})
        made.configure(PlatformContext(tmp_path))
        return made


class TestAnyPlatform(PlatformConformance):
    @pytest.fixture
    def platform(self) -> Platform:
        return AnyPlatform("matrix", {})


def test_two_processes_rehearse_in_one_world(tmp_path: Path) -> None:
    first, second = RehearsedDiscord("discord", {}), RehearsedDiscord("discord", {})
    for platform in (first, second):
        platform.configure(PlatformContext(tmp_path))
    made = first.execute("channels.create", {"guild_id": "1", "name": "news"}, "a")
    existing = second.execute("channels.get_or_create", {"guild_id": "1", "name": "news"}, "b")
    assert (made.captured_ids, existing.data["existed"]) == (existing.captured_ids, True)
    second.execute("channels.delete", {"channel_id": made.data["id"]}, "c")
    assert not first.exists("channel", made.data["id"], {})


def test_after_minutes_a_message_is_found_by_author_text_and_time() -> None:
    """A nonce is forgotten by then: what somebody else wrote, what is older and what is another effect's is not it."""
    transport = Transport()
    platform = DiscordPlatform("discord", {}, transport)
    channel = platform.execute("channels.create", {"guild_id": "1", "name": "news"}, "c").data["id"]
    args = {"channel_id": channel, "content": "a" * 2500}
    announced = EffectIntent(
        "k", "messages.send", args, "r", "a", datetime.now(UTC) - timedelta(minutes=5), True, age_seconds=300
    )
    data = transport.world.data
    data.add_user("5", "somebody")
    before_ms = (announced.intended_at.timestamp() - 60) * 1000
    for body, author, at_ms in (
        ("a" * 2000, "5", None),
        ("a" * 2000, BOT_ID, before_ms),
        ("a" * 500, BOT_ID, before_ms),
    ):
        add(data, channel, {"content": body}, author, at_ms)
    assert platform.resolve(announced) is None
    first = add(data, channel, {"content": "a" * 2000}, BOT_ID)
    assert platform.resolve(announced) is None
    done = platform.execute("messages.send", args, "k", announced=announced)
    assert done.data["ids"][0] == first["id"]
    resolved = platform.resolve(announced)
    assert isinstance(resolved, CommandOutput)
    assert resolved.data["ids"] == done.data["ids"]
    assert platform.resolve(replace(announced, taken=frozenset(done.data["ids"]))) is None


def test_the_limits_of_threads_are_shared_and_open_again() -> None:
    meter = MemoryMeter()
    assert [meter.take("b") for _ in range(2)] == [0, 0]
    meter.learn("b", 1, 60_000)
    assert meter.take("b") == 0
    assert 0 < meter.take("b") <= 60_001
    assert meter.take("other") == 0
    meter.learn("b", 5, 60_000)
    assert meter.take("b") > 0, "an answer that comes late opens nothing"
