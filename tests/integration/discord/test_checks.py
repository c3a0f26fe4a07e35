"""Commands that can't be right: found before the run as far as they can be, and again when they are rendered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botticelli.carousel.checks.command_checks import check_commands
from botticelli.errors import NarrativeError, PlatformError
from botticelli.runtime.process import Runtime
from botticelli.testing.discord import GUILD, TOKEN, USER, FakeDiscord
from tests.support.commands import act, create, play, state
from tests.support.narratives import loaded, narrative_text, perform_all, start

OnDiscord = Callable[..., Runtime]


@pytest.mark.parametrize(
    ("command", "args", "said"),
    [
        ("channels.create_message", {}, "did you mean messages.send?"),
        ("message.send", {}, "did you mean messages.send?"),
        ("messages.send", {"content": "x"}, "messages.send channel_id: is required by messages.send"),
        ("messages.send", {"channel_id": "12a", "content": "x"}, "must be an id: digits"),
        ("messages.send", {"chanel_id": "1", "content": "x"}, "did you mean channel_id?"),
        ("channels.create", {"guild_id": "1", "name": "x", "kind": "radio"}, "must be one of text, voice"),
        ("members.timeout", {"guild_id": "1", "user_id": USER, "duration_seconds": "soon"}, "must be a whole number"),
        ("channels.create", {"name": "x"}, "platforms.discord.options.guild_id"),
    ],
)
def test_invalid_command_is_reported_before_the_run(
    on_discord: OnDiscord, command: str, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(NarrativeError) as error:
        start(on_discord(), narrative_text(1, act("one", command, **args)))
    assert said in str(error.value)
    assert str(error.value).startswith("test.toml:")


def test_mentions_beyond_the_settings_are_reported_before_the_run(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    option = "platforms__discord__options__allow_mentions"
    sends = {
        who: act("sent", "messages.send", channel_id="5", content="x", allowed_mentions=[who])
        for who in ("users", "roles")
    }
    runtime = on_discord(**{option: '["users"]'})
    with pytest.raises(NarrativeError, match=r"allowed_mentions: mentions of roles are not allowed"):
        start(runtime, narrative_text(1, sends["roles"]))
    assert start(runtime, narrative_text(1, sends["users"])).status == "running"
    assert discord.requests == []


def test_missing_token_is_reported_before_the_run(on_discord: OnDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = on_discord()
    monkeypatch.delenv("DISCORD_TOKEN")
    with pytest.raises(NarrativeError, match=r"need a token.*--rehearse"):
        start(runtime, narrative_text(1, create()))
    run = start(runtime, narrative_text(1, create()), rehearse=True)
    assert perform_all(runtime, run.id).status == "completed"
    assert state(runtime, f"discord.{GUILD}.channel.news") is None
    assert state(runtime, f"rehearsal.discord.{GUILD}.channel.news")["name"] == "news"


def test_check_of_the_file_alone_warns_of_a_missing_token(
    on_discord: OnDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = on_discord()
    monkeypatch.delenv("DISCORD_TOKEN")
    narrative = loaded(narrative_text(1, create())).narrative
    (warning,) = check_commands(runtime, narrative, "test.toml", needs_token=False)
    assert warning.startswith("test.toml:")
    assert "need a token" in warning


def test_rendered_argument_is_checked_again(on_discord: OnDiscord, discord: FakeDiscord) -> None:
    runtime = on_discord()
    with runtime.store.transaction() as tx:
        tx.state.set("global.where", "../../guilds/1")
    run, _ = play(runtime, act("sent", "messages.send", channel_id="{state.where}", content="x"))
    assert run.status == "failed"
    assert "channel_id must be an id" in (run.reason or "")
    assert discord.requests == []


def test_token_of_a_file_is_read_again_after_a_refusal(
    on_discord: OnDiscord, discord: FakeDiscord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    monkeypatch.delenv("DISCORD_TOKEN")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(file))
    platform = on_discord().platforms.get("discord")
    arguments = {"guild_id": GUILD}
    assert platform.execute("channels.list", arguments, "1")
    discord.token = "test-token-after-the-rotation"
    for _ in range(2):
        with pytest.raises(PlatformError, match="401"):
            platform.execute("channels.list", arguments, "2")
    file.write_text(f"{discord.token}\n")
    assert platform.execute("channels.list", arguments, "3")
    assert [request.status for request in discord.requests] == [200, 401, 200]
