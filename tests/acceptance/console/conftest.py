"""A house with a fake Discord, a worker and the console, and a real browser that looks at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from botticelli.testing.discord import GUILD, TOKEN, FakeDiscord, serving
from tests.support.fleet.ports import free_port
from tests.support.fleet.processes import BIN, House
from tests.support.waiting import wait_until

BROWSER = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Without background networking the browser asks nobody for anything but the console."""
SETTINGS = """
[narratives]
path = ["narratives"]
[security]
require_confirmation = ["messages.send"]
[drivers.echo]
latency_seconds = 0.15
[providers.echo]
default_tier = "small"

[providers.echo.tiers.small]
windows = [
  { metric = "requests", limit = 300, period_seconds = 60 },
  { metric = "tokens", limit = 400000, period_seconds = 60 },
  { metric = "requests", limit = 2000, period_seconds = 86400 },
]
"""
NARRATIVES = {
    "letters": """
[narrative]
name = "letters"
description = "Writes one letter after the other"
[narrative.carousel]
iterations = 30
[narrative.variables]
whom = "a friend"
[acts.outline]
model = "echo/echo"
prompt = "Outline a letter to {var.whom}, number {iteration}."
[acts.letter]
model = "echo/echo"
prompt = "Write it: {act.outline.output}"
""",
    "announcement": """
[narrative]
name = "announcement"
description = "Writes an announcement, and posts it once somebody has approved it"
[narrative.carousel]
iterations = 2
concurrency = 2
[acts.draft]
model = "echo/echo"
prompt = "Invite our members to the spring exhibition, in two friendly sentences."
[acts.post]
[[acts.post.input]]
type = "bot_command"
platform = "discord"
command = "messages.send"
[acts.post.input.args]
channel_id = "CHANNEL"
content = "**The spring exhibition**, this Saturday\\n> Doors open at *ten*; entry is free.\\n{act.draft.output}"
""",
    "ideas": """
[narrative]
name = "ideas"
description = "Collects ideas for posts, as rows to review"
target = "post_ideas"
[acts.generate]
model = "echo/echo"
format = "json"
prompt = '''
Give ideas for posts about Florence, as JSON:
```json
[{"title": "Why the dome stands", "pitch": "Two shells, no scaffold, and a man who kept his secret."},
 {"title": "A walk at six", "pitch": "The bridge before the shops open, in five pictures."}]
```
'''
""",
    "unfinished": """
[narrative]
name = "unfinished"

[acts.one]
promt = "Hello"
temperature = 3
""",
}


@dataclass
class Console:
    """The console of a house, as a browser sees it. `faults` are errors of pages and of their script."""

    house: House
    discord: FakeDiscord
    channel: str
    url: str
    token: str = ""
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> Any:
        """Note every error of a page."""
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        return page


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    with serving() as discord:
        made = discord.world.answer("POST", f"/guilds/{GUILD}/channels", {}, {"name": "news", "type": 0})
        house = House(tmp_path, rehearses=False).furnish()
        house.settings |= {"DISCORD_TOKEN": TOKEN, "BOTTICELLI_PLATFORMS__DISCORD__BASE_URL": discord.url}
        house.write("botticelli.toml", SETTINGS)
        channel = str(made.body["id"])
        for name, text in NARRATIVES.items():
            house.write(f"narratives/{name}.toml", text.replace("CHANNEL", channel))
        port = free_port()
        house.start(str(BIN / "python"), str(BIN / "botticelli"), "serve", "--port", str(port))
        house.worker("--concurrency", "2")
        try:
            yield Console(house, discord, channel, f"http://127.0.0.1:{port}")
        finally:
            house.close()


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """Yield a browser with an empty profile."""
    from playwright.sync_api import sync_playwright

    executable = os.environ.get("CHROMIUM", BROWSER)
    assert Path(executable).exists(), (
        "no chromium: run `make console-test`, which installs it, or name yours in CHROMIUM"
    )
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(folder), executable_path=executable, args=list(ARGUMENTS), viewport={"width": 1280, "height": 860}
        )
        context.set_default_timeout(30_000)
        yield context
        context.close()


def wait_for_server(console: Console) -> None:
    import urllib.request
    from contextlib import suppress

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{console.url}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
        return False

    wait_until(answers, "the console to answer")
