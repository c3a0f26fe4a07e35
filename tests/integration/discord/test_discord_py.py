"""discord.py, a client that others wrote for Discord, takes the server of these tests for Discord."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from botticelli.platforms.discord.fake import BOT_ID
from botticelli.platforms.discord.fake.stored_messages import add
from botticelli.testing.discord import GUILD, TOKEN, USER, FakeDiscord, Fault
from tests.integration.discord.conftest import Lazily

if TYPE_CHECKING:
    import discord
else:
    # It imports audioop for voice, up to Python 3.12.
    discord = Lazily("discord", "'audioop' is deprecated")

NOBODY = 999999999999999999
Steps = Callable[["discord.Client"], Awaitable[None]]
Run = Callable[..., None]


@pytest.fixture
def run(server: FakeDiscord, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(discord.http.Route, "BASE", server.url)

    async def all_of_it(steps: Steps, token: str) -> None:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(token)
            await steps(client)

    return lambda steps, token=TOKEN: asyncio.run(all_of_it(steps, token))


async def new_channel(client: discord.Client, name: str, **options: Any) -> discord.TextChannel:
    guild = await client.fetch_guild(int(GUILD))
    return await guild.create_text_channel(name, **options)


def test_client_creates_a_channel_and_edits_its_messages(server: FakeDiscord, run: Run) -> None:
    async def steps(client: discord.Client) -> None:
        assert client.user is not None and (client.user.id, client.user.bot) == (int(BOT_ID), True)
        guild = await client.fetch_guild(int(GUILD))
        assert (guild.name, guild.approximate_member_count) == ("The guild", 2)
        channel = await new_channel(client, "Some News", topic="what is new", reason="a test: é")
        assert (channel.name, channel.topic) == ("some-news", "what is new")
        table = discord.File(io.BytesIO(b"a,b\n1,2\n"), "table.csv")
        first = await channel.send("hello", file=table, nonce=1234)
        assert (first.content, first.author.id, first.pinned, first.nonce) == ("hello", int(BOT_ID), False, "1234")
        assert [(attachment.filename, attachment.size) for attachment in first.attachments] == [("table.csv", 8)]
        await first.pin(reason="to be seen")
        second = await first.reply("and @everyone")
        await first.edit(content="hello again")
        read = await channel.fetch_message(first.id)
        assert (read.content, read.pinned, read.edited_at is None) == ("hello again", True, False)
        assert [attachment.filename for attachment in read.attachments] == ["table.csv"]
        assert [message.id async for message in channel.pins()] == [first.id]
        await first.add_reaction("🎨")
        read = await channel.fetch_message(first.id)
        assert [(reaction.emoji, reaction.count, reaction.me) for reaction in read.reactions] == [("🎨", 1, True)]
        newest = [message.id async for message in channel.history()]
        assert newest == [second.id, first.id]
        both = await first.add_files(discord.File(io.BytesIO(b"\xff\r\n\x00"), "a_b.bin", description="bytes"))
        assert [(attachment.filename, attachment.size) for attachment in both.attachments] == [
            ("table.csv", 8),
            ("a_b.bin", 4),
        ]
        assert (await first.edit(attachments=[])).attachments == []
        await second.delete()

    run(steps)
    (channel,) = server.channels("some-news")
    (message,) = server.world.data.messages[channel["id"]].values()
    assert (message["content"], message["pinned"]) == ("hello again", True)
    assert [entry["reason"] for entry in server.world.data.guilds[GUILD]["audit"]] == ["a test: é"]


def test_client_manages_roles_members_and_threads(server: FakeDiscord, run: Run) -> None:
    async def steps(client: discord.Client) -> None:
        guild = await client.fetch_guild(int(GUILD))
        may_send = discord.Permissions(send_messages=True)
        role = await guild.create_role(name="painter", colour=255, permissions=may_send)
        assert (role.name, role.colour.value, role.permissions) == ("painter", 255, may_send)
        member = await guild.fetch_member(int(USER))
        await member.add_roles(role)
        edited = await member.edit(nick="Ada")
        assert edited is not None and (edited.nick, edited.name) == ("Ada", "ada")
        assert {role.name for role in await guild.fetch_roles()} == {"@everyone", "painter"}
        channel = await new_channel(client, "talk")
        thread = await channel.create_thread(name="about it", type=discord.ChannelType.public_thread)
        assert (thread.parent_id, thread.name) == (channel.id, "about it")
        assert [thread.id for thread in await guild.active_threads()] == [thread.id]
        await thread.delete()
        assert [channel.id for channel in await guild.fetch_channels()] == [channel.id]

    run(steps)
    ada = server.world.data.guilds[GUILD]["members"][USER]
    assert (ada["nick"], len(ada["roles"])) == ("Ada", 1)


def test_client_reads_all_kinds_of_objects(server: FakeDiscord, run: Run) -> None:
    async def steps(client: discord.Client) -> None:
        guild = await client.fetch_guild(int(GUILD))
        assert client.application is not None and client.application.approximate_guild_count == 1
        assert [(guild.name, guild.approximate_member_count) async for guild in client.fetch_guilds()] == [
            ("The guild", 2)
        ]
        voice = await guild.create_voice_channel("Talk here", bitrate=32_000)
        stage = await guild.create_stage_channel("On Stage")
        assert (voice.name, voice.bitrate, stage.bitrate, stage.rtc_region) == ("Talk here", 32_000, 64_000, None)
        forum = await guild.create_forum("questions")
        post = await forum.create_thread(name="how?", content="like this")
        await post.message.add_reaction("🎨")
        message = await post.thread.fetch_message(post.message.id)
        reactors = [reaction.id async for reaction in message.reactions[0].users()]
        assert (message.content, reactors) == ("like this", [int(BOT_ID)])
        invite = await voice.create_invite(max_age=60)
        assert [(invite.code, invite.max_age) for invite in await guild.invites()] == [(invite.code, 60)]
        soon = discord.utils.utcnow() + timedelta(days=1)
        event = await guild.create_scheduled_event(
            name="party",
            location="the garden",
            start_time=soon,
            end_time=soon + timedelta(hours=1),
            entity_type=discord.EntityType.external,
            privacy_level=discord.PrivacyLevel.guild_only,
        )
        seen = await guild.fetch_scheduled_event(event.id)
        assert (seen.location, seen.start_time) == ("the garden", soon)
        await event.delete()
        ada = discord.Object(int(USER))
        await guild.ban(ada, reason="a test")
        assert [(ban.user.id, ban.reason) async for ban in guild.bans()] == [(ada.id, "a test")]
        await guild.unban(ada)
        newest = await anext(guild.audit_logs())
        assert newest.action == discord.AuditLogAction.unban and newest.target is not None
        assert newest.target.id == ada.id

    run(steps)


def test_refusals_raise_the_exceptions_of_the_client(server: FakeDiscord, run: Run) -> None:
    server.faults = [Fault("POST .*/channels$", "403")]

    async def steps(client: discord.Client) -> None:
        with pytest.raises(discord.NotFound) as missing:
            await client.fetch_channel(NOBODY)
        assert (missing.value.code, missing.value.text) == (10003, "Unknown Channel")
        with pytest.raises(discord.Forbidden) as denied:
            await new_channel(client, "news")
        assert (denied.value.code, denied.value.text) == (50013, "Missing Permissions")
        channel = await new_channel(client, "news")
        with pytest.raises(discord.HTTPException, match="In content: Must be 2000 or fewer") as wrong:
            await channel.send("x" * 2001)
        assert (wrong.value.status, wrong.value.code) == (400, 50035)
        theirs = add(server.world.data, str(channel.id), {"content": "mine"}, USER)
        with pytest.raises(discord.Forbidden) as denied:
            await (await channel.fetch_message(int(theirs["id"]))).edit(content="ours")
        assert denied.value.code == 50005

    run(steps)
    with pytest.raises(discord.LoginFailure):
        run(steps, "another")
    refused = [request.status for request in server.requests if (request.status or 0) >= 400]
    assert refused == [404, 403, 400, 403, 401]


def test_client_waits_as_long_as_discord_says(server: FakeDiscord, run: Run) -> None:
    """After a refusal as long as that says, and before one by the headers of the answers."""
    server.limits = {"POST .*/messages$": (1, 0.4)}

    async def steps(client: discord.Client) -> None:
        server.faults = [Fault("POST .*/channels$", "429", seconds=0.3)]
        began = time.monotonic()
        channel = await new_channel(client, "news")
        assert time.monotonic() - began >= 0.3
        for number in range(3):
            await channel.send(str(number))
        server.faults = [Fault("GET", "429-global", seconds=0.3)]
        began = time.monotonic()
        assert [message.content async for message in channel.history(oldest_first=True)] == ["0", "1", "2"]
        assert time.monotonic() - began >= 0.3

    run(steps)
    (channel,) = server.channels("news")
    assert server.contents(channel["id"]) == ["0", "1", "2"]
    login_and_guild = [200] * 3
    assert [request.status for request in server.requests] == [*login_and_guild, 429, 201, 200, 200, 200, 429, 200]
