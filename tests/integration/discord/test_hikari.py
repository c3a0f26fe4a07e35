"""hikari, a client that others wrote for Discord, takes the server of these tests for Discord."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from botticelli.platforms.discord.fake import BOT_ID
from botticelli.platforms.discord.fake.stored_messages import add
from botticelli.testing.discord import GUILD, TOKEN, USER, FakeDiscord, Fault
from tests.integration.discord.conftest import Lazily

if TYPE_CHECKING:
    import hikari
    from hikari.api import RESTClient
else:
    hikari = Lazily("hikari")

NOBODY = 999999999999999999


@asynccontextmanager
async def logged_in(server: FakeDiscord, token: str = TOKEN) -> AsyncIterator[RESTClient]:
    app = hikari.RESTApp(url=server.url)
    await app.start()
    try:
        async with app.acquire(token, hikari.TokenType.BOT) as rest:
            yield rest
    finally:
        await app.close()


async def seconds(call: Awaitable[Any]) -> float:
    began = time.monotonic()
    await call
    return time.monotonic() - began


def run(server: FakeDiscord, steps: Callable[[RESTClient], Awaitable[Any]], token: str = TOKEN) -> Any:
    async def all_of_it() -> Any:
        async with logged_in(server, token) as rest:
            return await steps(rest)

    return asyncio.run(all_of_it())


def test_client_creates_a_channel_and_edits_its_messages(server: FakeDiscord) -> None:
    async def steps(rest: RESTClient) -> None:
        me = await rest.fetch_my_user()
        assert (me.id, me.is_bot) == (int(BOT_ID), True)
        guild = await rest.fetch_guild(int(GUILD))
        assert (guild.name, guild.approximate_member_count) == ("The guild", 2)
        channel = await rest.create_guild_text_channel(guild, "Some News", topic="what is new", reason="a test: é")
        assert (channel.name, channel.topic, channel.guild_id) == ("some-news", "what is new", guild.id)
        first = await rest.create_message(channel, "hello", attachment=hikari.Bytes("a,b\n1,2\n", "table.csv"))
        assert (first.content, first.author.id, first.is_pinned) == ("hello", me.id, False)
        assert [(attachment.filename, attachment.size) for attachment in first.attachments] == [("table.csv", 8)]
        await rest.pin_message(channel, first)
        second = await rest.create_message(channel, "and @everyone", reply=first)
        await rest.edit_message(channel, first, "hello again")
        read = await rest.fetch_message(channel, first)
        assert (read.content, read.is_pinned, read.edited_timestamp is None) == ("hello again", True, False)
        assert [attachment.filename for attachment in read.attachments] == ["table.csv"]
        assert [message.message.id for message in await rest.fetch_pins(channel)] == [first.id]
        await rest.add_reaction(channel, first, "🎨")
        read = await rest.fetch_message(channel, first)
        assert [(str(reaction.emoji), reaction.count, reaction.is_me) for reaction in read.reactions] == [
            ("🎨", 1, True)
        ]
        newest = [message.id async for message in rest.fetch_messages(channel)]
        assert newest == [second.id, first.id]
        more = hikari.Bytes(b"\xff\r\n\x00", "a b.bin")
        both = await rest.edit_message(channel, first, attachments=[read.attachments[0], more])
        assert [(attachment.filename, attachment.size) for attachment in both.attachments] == [
            ("table.csv", 8),
            ("a b.bin", 4),
        ]
        assert (await rest.edit_message(channel, first, attachment=None)).attachments == []
        await rest.delete_message(channel, second)

    run(server, steps)
    (channel,) = server.channels("some-news")
    (message,) = server.world.data.messages[channel["id"]].values()
    assert (message["content"], message["pinned"]) == ("hello again", True)
    assert [entry["reason"] for entry in server.world.data.guilds[GUILD]["audit"]] == ["a test: é"]


def test_client_manages_roles_members_and_threads(server: FakeDiscord) -> None:
    async def steps(rest: RESTClient) -> None:
        guild = int(GUILD)
        role = await rest.create_role(guild, name="painter", color=255, permissions=hikari.Permissions.SEND_MESSAGES)
        assert (role.name, role.color, role.permissions) == ("painter", 255, hikari.Permissions.SEND_MESSAGES)
        await rest.add_role_to_member(guild, int(USER), role)
        member = await rest.edit_member(guild, int(USER), nickname="Ada")
        assert (member.nickname, member.username) == ("Ada", "ada")
        assert role.id in (await rest.fetch_member(guild, int(USER))).role_ids
        assert {role.name for role in await rest.fetch_roles(guild)} == {"@everyone", "painter"}
        assert {str(member.id) async for member in rest.fetch_members(guild)} == {BOT_ID, USER}
        channel = await rest.create_guild_text_channel(guild, "talk")
        thread = await rest.create_thread(channel, hikari.ChannelType.GUILD_PUBLIC_THREAD, "about it")
        assert (thread.parent_id, thread.name) == (channel.id, "about it")
        assert [thread.id for thread in await rest.fetch_active_threads(guild)] == [thread.id]
        await rest.delete_channel(thread)
        assert [channel.id for channel in await rest.fetch_guild_channels(guild)] == [channel.id]

    run(server, steps)
    ada = server.world.data.guilds[GUILD]["members"][USER]
    assert (ada["nick"], len(ada["roles"])) == ("Ada", 1)


def test_client_reads_all_kinds_of_objects(server: FakeDiscord) -> None:
    guild, ada = int(GUILD), int(USER)

    async def steps(rest: RESTClient) -> None:
        application = await rest.fetch_application()
        assert (application.owner.id, application.approximate_guild_count) == (int(BOT_ID), 1)
        assert [(guild.name, guild.approximate_member_count) async for guild in rest.fetch_my_guilds()] == [
            ("The guild", 2)
        ]
        voice = await rest.create_guild_voice_channel(guild, "Talk here", bitrate=32_000)
        stage = await rest.create_guild_stage_channel(guild, "On Stage")
        assert (voice.name, voice.bitrate, stage.bitrate, stage.region) == ("Talk here", 32_000, 64_000, None)
        forum = await rest.create_guild_forum_channel(guild, "questions")
        post = await rest.create_forum_post(forum, "how?", "like this")
        (message,) = [message async for message in rest.fetch_messages(post)]
        await rest.add_reaction(post, message, "🎨")
        reactors = [user.id async for user in rest.fetch_reactions_for_emoji(post, message, "🎨")]
        assert (message.content, reactors) == ("like this", [int(BOT_ID)])
        invite = await rest.create_invite(voice, max_age=60)
        assert [invite.code for invite in await rest.fetch_guild_invites(guild)] == [invite.code]
        soon = datetime.now(UTC) + timedelta(days=1)
        event = await rest.create_external_event(guild, "party", "the garden", soon, soon + timedelta(hours=1))
        seen = await rest.fetch_scheduled_event(guild, event)
        assert isinstance(seen, hikari.ScheduledExternalEvent) and (seen.location, seen.start_time) == (
            "the garden",
            soon,
        )
        await rest.delete_scheduled_event(guild, event)
        await rest.ban_user(guild, ada, reason="a test")
        assert [(ban.user.id, ban.reason) async for ban in rest.fetch_bans(guild)] == [(ada, "a test")]
        await rest.unban_user(guild, ada)
        first = await anext(aiter(rest.fetch_audit_log(guild)))
        newest = next(iter(first.entries.values()))
        assert (newest.action_type, newest.target_id) == (hikari.AuditLogEventType.MEMBER_BAN_REMOVE, ada)

    run(server, steps)


def test_refusals_raise_the_exceptions_of_the_client(server: FakeDiscord) -> None:
    server.faults = [Fault("POST .*/channels$", "403")]

    async def steps(rest: RESTClient) -> None:
        with pytest.raises(hikari.NotFoundError) as missing:
            await rest.fetch_channel(NOBODY)
        assert (missing.value.code, missing.value.message) == (10003, "Unknown Channel")
        with pytest.raises(hikari.ForbiddenError) as denied:
            await rest.create_guild_text_channel(int(GUILD), "news")
        assert (denied.value.code, denied.value.message) == (50013, "Missing Permissions")
        channel = await rest.create_guild_text_channel(int(GUILD), "news")
        with pytest.raises(hikari.BadRequestError) as wrong:
            await rest.create_message(channel, "x" * 2001)
        assert (wrong.value.code, list(wrong.value.errors or {})) == (50035, ["content"])
        theirs = add(server.world.data, str(channel.id), {"content": "mine"}, USER)
        with pytest.raises(hikari.ForbiddenError) as denied:
            await rest.edit_message(channel, int(theirs["id"]), "ours")
        assert denied.value.code == 50005

    run(server, steps)
    with pytest.raises(hikari.UnauthorizedError):
        run(server, lambda rest: rest.fetch_my_user(), token="another")
    assert [request.status for request in server.requests] == [404, 403, 201, 400, 403, 401]


def test_client_waits_as_long_as_discord_says(server: FakeDiscord) -> None:
    """After a refusal as long as that says, and before one by the headers of the answers."""
    server.limits = {"POST .*/messages$": (1, 0.4), "GET .*": (50, 60.0)}

    async def steps(rest: RESTClient) -> None:
        server.faults = [Fault("POST .*/channels$", "429", seconds=0.3)]
        assert await seconds(rest.create_guild_text_channel(int(GUILD), "news")) >= 0.3
        channel = int(server.channels("news")[0]["id"])
        for number in range(3):
            await rest.create_message(channel, str(number))
        await rest.fetch_channel(channel)
        server.faults = [Fault("GET", "429-global", seconds=0.3)]
        assert await seconds(rest.fetch_channel(channel)) >= 0.3

    run(server, steps)
    (channel,) = server.channels("news")
    assert server.contents(channel["id"]) == ["0", "1", "2"]
    assert [request.status for request in server.requests] == [429, 201, 200, 200, 200, 200, 429, 200]
