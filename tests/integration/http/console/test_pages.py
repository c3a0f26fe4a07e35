"""Every page: what it shows, under which policy, and to whom."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest

from botticelli.http.console.rendering import POLICY
from botticelli.runtime.process import Runtime
from botticelli.store import Effect, Run
from tests.integration.http.console.conftest import LONG_CHARACTERS, Page, session
from tests.support.servers.http_door import served

PAGES = (
    "/",
    "/runs",
    "/budgets",
    "/schedules",
    "/content",
    "/narratives",
    "/workers",
    "/narratives/examples/daily_digest",
)


def test_pages_are_strict_and_say_where_they_are(browser: httpx2.Client, waiting_run: Run) -> None:
    for path in (*PAGES, f"/runs/{waiting_run.id}", "/runs/none"):
        page = Page(browser.get(path))
        assert page.answer.headers["content-security-policy"] == POLICY, path
        assert "unsafe" not in POLICY and page.answer.headers["x-content-type-options"] == "nosniff"
        for tag, attrs in page.elements:
            assert "style" not in attrs and tag != "style", (path, tag, attrs)
            assert not [name for name in attrs if name.startswith("on")], (path, tag, attrs)
            assert tag != "script" or (attrs["src"] or "").startswith("/console/"), (path, attrs)
            assert tag != "th" or attrs.get("scope") in ("col", "row"), (path, attrs)
        ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
        assert len(ids) == len(set(ids)), path
        assert page.answer.status_code == (404 if path == "/runs/none" else 200), path
        assert [tag for tag, _ in page.elements].count("h1") == 1, path


def test_hostile_text_of_a_model_is_text(browser: httpx2.Client, waiting_run: Run, effect: Effect) -> None:
    for path in ("/", f"/runs/{waiting_run.id}", "/runs"):
        page = Page(browser.get(path))
        assert not [tag for tag, _ in page.elements if tag == "img"], path
        assert len([tag for tag, _ in page.elements if tag == "script"]) == 2, path
        assert "\u202e" not in re.sub(r"<textarea.*?</textarea>", "", page.answer.text, flags=re.DOTALL), path
    inbox = Page(browser.get("/"))
    assert "<script>alert(1)</script>" in inbox.text and "<U+202E>gnp.exe" in inbox.text
    assert ("strong", {}) in inbox.elements, "the message is shown as it would appear"


def test_long_output_is_cut_and_can_be_read_whole(browser: httpx2.Client, waiting_run: Run) -> None:
    page = Page(browser.get(f"/runs/{waiting_run.id}"))
    assert len(page.answer.text) < LONG_CHARACTERS
    links = [
        attrs["href"] or "" for tag, attrs in page.elements if tag == "a" and "/text/" in (attrs.get("href") or "")
    ]
    output = next(link for link in links if "/output" in link)
    whole = browser.get(output)
    assert len(whole.text) > LONG_CHARACTERS and whole.headers["content-type"].startswith("text/plain")
    assert browser.get(output.replace("/output", "/nothing")).status_code == 404


def test_reader_sees_no_action_and_may_do_none(
    careful: Runtime, browser: httpx2.Client, waiting_run: Run, effect: Effect
) -> None:
    reader = session(careful, "read")
    for path in (*PAGES, f"/runs/{waiting_run.id}"):
        assert Page(browser.get(path, headers=reader)).posts == [], path
    posts = [f"/inbox/{effect.key}/approve", f"/runs/{waiting_run.id}/actions/cancel", "/budgets/pause"]
    posts += ["/narratives/enqueue", "/runs/actions/cancel", f"/runs/{waiting_run.id}/fork", "/schedules/x/trigger"]
    for path in posts:
        assert browser.post(path, headers=reader).status_code == 403, path
    assert "read only" in Page(browser.get("/", headers=reader)).text


def test_tenant_sees_only_its_own(careful: Runtime, browser: httpx2.Client, waiting_run: Run, effect: Effect) -> None:
    other = session(careful, "read", "approve", "control", tenant="other")
    assert Page(browser.get("/", headers=other)).posts == []
    assert browser.get(f"/runs/{waiting_run.id}", headers=other).status_code == 404
    assert browser.post(f"/inbox/{effect.key}/approve", headers=other).status_code == 404
    assert browser.post("/budgets/pause", headers=other, data={"scope": "echo/echo@default"}).status_code == 403
    assert "echo/echo" not in Page(browser.get("/budgets", headers=other)).text
    assert browser.get("/workers", headers=other).status_code == 403


@pytest.mark.parametrize("path", ["/console/rendering.py", "/console/..%2Frendering.py", "/console/vendored.toml"])
def test_only_public_files_are_given_out(browser: httpx2.Client, path: str) -> None:
    assert browser.get(path).status_code == 404
    assert browser.get("/console/htmx.min.js").headers["content-type"].startswith("text/javascript")


def test_pages_say_that_postgres_is_away(make_runtime: Callable[..., Runtime]) -> None:
    away = make_runtime(database__url="postgresql://nobody@127.0.0.1:1/none")
    with served(away) as client:
        answer = client.get("/runs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "data-fault-page" in answer.text and "comes back by itself" in answer.text
