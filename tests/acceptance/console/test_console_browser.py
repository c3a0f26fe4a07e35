"""A person at the console, in a real browser: starts a run, watches it, stops it, edits and approves a message.

`make console-test`. AXE names the script of axe-core; IMAGES a folder for the pictures of the documents.
"""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botticelli.testing.discord import FakeDiscord
from tests.acceptance.console.conftest import Console, browser, wait_for_server
from tests.support.fleet.processes import BIN
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
LIVE_MARK = "window.same = 1"
AXE_RUN = """async () => {
  const judged = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] });
  const places = (violation) => violation.nodes.slice(0, 3).map((node) => node.target.join(" ") + ": " + node.failureSummary);
  return judged.violations.map((violation) => violation.id + ": " + places(violation).join(" | "));
}"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Any]:
    with browser(tmp_path / "profile") as opened:
        yield opened


def test_console_from_the_first_login_to_an_approved_message(console: Console, context: Any) -> None:
    wait_for_server(console)
    page = console.watch(context.new_page())
    _log_in(console, page)
    run_id = _start_watch_and_stop(console, page)
    _approve_an_edited_message(console, page)
    _furnish(console)
    pages = _pages(run_id)
    _judge_every_page(console, context, pages)
    _read_only(console, context)
    assert console.faults == []
    _servers_go_and_come(console, context)


def _log_in(console: Console, page: Any) -> None:
    console.token = console.house.json(
        "tokens",
        "create",
        "ada",
        "--scope",
        "read",
        "--scope",
        "admin",
        "--json",
    )["token"]
    page.goto(console.url + "/runs")
    assert "/login" in page.url
    page.get_by_label("Token").fill(console.token)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    assert page.url == console.url + "/runs"


def _start_watch_and_stop(console: Console, page: Any) -> str:
    """Enqueue a run from its page, see it go on without a reload, pause and resume it."""
    page.goto(console.url + "/narratives/letters")
    page.get_by_label("whom").fill("Lorenzo")
    page.get_by_role("button", name="Plan").click()
    page.get_by_role("heading", name="Plan of letters").wait_for()
    page.get_by_role("button", name="Enqueue").click()
    page.wait_for_url("**/runs/*")
    page.evaluate(LIVE_MARK)
    page.locator("tr[data-key='3'] > td > .status.good").wait_for()
    assert page.evaluate("window.same") == 1, "it came without a reload"
    opened = page.locator("tr[data-key='1'] details").first
    opened.locator("summary").first.click()
    page.get_by_label("Reason, for the record").first.fill("lunch")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator(".headline .status.held").wait_for()
    assert "lunch" in page.locator(".why").inner_text()
    assert opened.get_attribute("open") is not None, "what was open stays open"
    page.get_by_role("button", name="Resume", exact=True).click()
    page.locator(".headline .status.good").wait_for()
    assert page.evaluate("window.same") == 1
    assert "Lorenzo" in page.content()
    return str(page.url.rpartition("/")[2])


def _approve_an_edited_message(console: Console, page: Any) -> None:
    """A message waits in the inbox; it is edited by keys, approved, and seen on Discord."""
    page.goto(console.url + "/")
    page.get_by_role("heading", name="The inbox is empty").wait_for()
    page.evaluate(LIVE_MARK)
    console.house.run("run", "narratives/announcement.toml", "--detach")
    page.locator("article").nth(1).wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = page.locator("article.current")
    assert page.locator("article").nth(1).get_attribute("class") == chosen.get_attribute("class")
    page.keyboard.press("e")
    content = chosen.get_by_label("content")
    content.fill("Good morning, **Florence**")
    chosen.locator(".difference .come").get_by_text("Good morning").wait_for()
    with page.expect_response(lambda answer: answer.url == console.url + "/"):
        pass  # the page is read again meanwhile
    assert content.input_value() == "Good morning, **Florence**", "what somebody writes stays"
    _picture(page, "edit-light-wide")
    chosen.get_by_role("button", name="Approve with these changes").click()
    page.locator("article").nth(1).wait_for(state="detached")
    wait_until(lambda: _sent(console.discord, console.channel) == ["Good morning, **Florence**"], "the message")
    page.get_by_role("heading", name="Inbox").click()
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.get_by_role("heading", name="The inbox is empty").wait_for()
    assert page.evaluate("window.same") == 1
    assert _sent(console.discord, console.channel) == ["Good morning, **Florence**"]


def _sent(discord: FakeDiscord, channel: str) -> list[str]:
    return discord.contents(channel)


def _furnish(console: Console) -> None:
    """Give every page something to show."""
    house = console.house
    for arguments in (
        ("run", "narratives/ideas.toml"),
        ("run", "narratives/announcement.toml", "--detach", "--tag", "spring"),
        ("run", "narratives/letters.toml", "--detach", "--tag", "post"),
        (
            "schedules",
            "create",
            "letters",
            "--name",
            "weekly-letters",
            "--cron",
            "0 9 * * 1",
            "--timezone",
            "Europe/Rome",
        ),
        ("schedules", "trigger", "weekly-letters"),
        ("budget", "set", "echo/echo", "requests/60s", "200", "--reason", "a quiet day"),
    ):
        done = house.run(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)


def _pages(run_id: str) -> dict[str, str]:
    return {
        "inbox": "/",
        "runs": "/runs",
        "run": f"/runs/{run_id}",
        "budgets": "/budgets",
        "schedules": "/schedules",
        "schedule": "/schedules/weekly-letters",
        "content": "/content",
        "table": "/content/post_ideas",
        "narratives": "/narratives",
        "narrative": "/narratives/announcement",
        "problems": "/narratives/unfinished",
        "workers": "/workers",
    }


def _judge_every_page(console: Console, context: Any, pages: dict[str, str]) -> None:
    """Look at each page in light and dark, wide and narrow: axe finds nothing, nothing is cut, no error."""
    script = os.environ.get("AXE", "")
    axe = Path(script).read_text(encoding="utf-8") if script else ""
    violations: dict[str, list[str]] = {}
    for scheme in ("light", "dark"):
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page = console.watch(context.new_page())
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)
            for name, path in pages.items():
                answer = page.goto(console.url + path)
                assert answer.status == 200, path
                page.wait_for_function("document.readyState === 'complete'")
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, width)
                if axe:
                    page.evaluate(axe)
                    if broken_rules := page.evaluate(AXE_RUN):
                        violations[f"{name} {scheme} {width}"] = broken_rules
                _picture(page, f"{name}-{scheme}-{width}")
            page.close()
    assert violations == {}


def _read_only(console: Console, context: Any) -> None:
    """Somebody who may only read sees no button that does something."""
    token = console.house.json("tokens", "create", "bob", "--scope", "read", "--json")["token"]
    page = console.watch(context.new_page())
    page.goto(console.url + "/")
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Inbox").wait_for()
    page.locator("article").first.wait_for()
    assert page.get_by_role("button", name="Approve").count() == 0
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    assert page.locator("#pause-updates").get_attribute("aria-pressed") == "true"
    page.keyboard.press("p")
    page.close()


def _servers_go_and_come(console: Console, context: Any) -> None:
    """While the server is stopped the page says so, and comes back by itself."""
    page = context.new_page()
    page.goto(console.url + "/budgets")
    page.get_by_role("heading", name="Budgets").wait_for()
    server = console.house.started[0]
    port = console.url.rpartition(":")[2]
    server.popen.send_signal(signal.SIGTERM)
    server.popen.wait(60)
    page.locator("#away").get_by_text("does not answer").wait_for()
    _picture(page, "away-light-wide")
    console.house.start(str(BIN / "python"), str(BIN / "botticelli"), "serve", "--port", port)
    page.locator("#away").wait_for(state="hidden")


def _picture(page: Any, name: str) -> None:
    """Keep a picture of a page, small: 200 colours are enough for it."""
    folder = os.environ.get("IMAGES")
    if not folder:
        return
    from PIL import Image

    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(200, dither=Image.Dither.NONE).save(Path(folder) / f"{name}.png", optimize=True)
