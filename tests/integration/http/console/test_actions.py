"""Actions on pages: log in, decide, act on one run or on many, start one."""

from __future__ import annotations

import httpx2
import pytest

from botticelli.http.access.browser_sessions import SESSION_COOKIE
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import create_token
from botticelli.store import Effect
from tests.integration.http.console.conftest import Page, session
from tests.support.narratives import narrative_text, perform_all, run_of, start


def test_login_makes_a_cookie_that_needs_its_csrf_token(
    careful: Runtime, browser: httpx2.Client, effect: Effect
) -> None:
    text = create_token(careful, "ada", ["admin"], by="ada").text
    assert browser.get("/runs?status=paused").headers["location"] == "/login?next=%2Fruns%3Fstatus%3Dpaused"
    refused = browser.post("/login", data={"token": "bot_aaaaaaaa_" + "b" * 32})
    assert refused.status_code == 401 and SESSION_COOKIE not in refused.cookies
    answer = browser.post("/login", data={"token": text, "next": "https://evil.example/"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "max-age=" in cookie
    held = {"Cookie": f"{SESSION_COOKIE}={text}"}
    page = Page(browser.get("/", headers=held))
    assert text not in page.answer.text
    assert browser.post(f"/inbox/{effect.key}/approve", headers=held).status_code == 403, "no CSRF token"
    assert browser.post("/logout", headers=held | {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert 'botticelli_session=""' in browser.post("/logout", headers=held).headers["set-cookie"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
def test_login_sent_by_another_site_is_refused(careful: Runtime, browser: httpx2.Client, origin: str) -> None:
    text = create_token(careful, "ada", ["read"], by="ada").text
    refused = browser.post("/login", data={"token": text}, headers={"Origin": origin})
    assert refused.status_code == 403 and "set-cookie" not in refused.headers
    own = str(browser.base_url).rstrip("/")
    assert browser.post("/login", data={"token": text}, headers={"Origin": own}).status_code == 303


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y"]
)
def test_login_leads_nowhere_else(browser: httpx2.Client, target: str) -> None:
    assert browser.get("/login", params={"next": target}).headers["location"] == "/"


def test_edited_effect_is_approved_by_its_page(careful: Runtime, browser: httpx2.Client, effect: Effect) -> None:
    headers = session(careful, "read", "approve")
    form = {"arg.content": "Good morning", "arg.channel_id": "12", "reason": "shorter"}
    shown = browser.post(f"/inbox/{effect.key}/difference", headers=headers, data=form)
    assert 'class="come">+ content: Good morning' in shown.text and shown.headers["x-console-preview"]
    with careful.store.transaction() as tx:
        assert tx.effects.find(effect.key).args == effect.args
    answer = browser.post(f"/inbox/{effect.key}/approve", headers=headers, data=form)
    assert answer.status_code == 200 and "with your changes" in answer.text
    with careful.store.transaction() as tx:
        after = tx.effects.find(effect.key)
    assert (after.args["content"], after.decided_by, after.decision_reason) == ("Good morning", "visitor", "shorter")
    assert perform_all(careful, effect.run_id).status == "completed"
    again = browser.post(f"/inbox/{effect.key}/reject", headers=headers)
    assert again.status_code == 422 and "the first word counts" in again.json()["detail"]
    assert "The inbox is empty" in Page(browser.get("/", headers=headers)).text


def test_run_is_acted_on_with_a_reason(careful: Runtime, browser: httpx2.Client) -> None:
    run = start(careful, narrative_text(2))
    for action, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert browser.post(f"/runs/{run.id}/actions/{action}", data={"reason": f"<{action}>"}).status_code == 200
        page = Page(browser.get(f"/runs/{run.id}"))
        assert run_of(careful, run.id).status == status and f"<{action}>" in page.text
    assert browser.post(f"/runs/{run.id}/actions/explode").status_code == 422
    forked = browser.post(f"/runs/{run.id}/fork", data={"number": "1"})
    assert run_of(careful, forked.headers["hx-redirect"].rpartition("/")[2]).forked_from == run.id


def test_bulk_action_changes_what_was_confirmed_or_nothing(careful: Runtime, browser: httpx2.Client) -> None:
    first, second = (start(careful, narrative_text(1), tags=("old",)) for _ in range(2))
    other = start(careful, narrative_text(1))
    page = browser.get("/runs/actions/cancel", params={"tag": "old"})
    assert "Cancel 2 runs" in page.text
    answer = browser.post("/runs/actions/cancel?tag=old", data={"count": "1"})
    assert answer.status_code == 422 and run_of(careful, first.id).status == "running"
    assert "2 runs cancelled" in browser.post("/runs/actions/cancel?tag=old", data={"count": "2"}).text
    statuses = [run_of(careful, run.id).status for run in (first, second, other)]
    assert statuses == ["cancelled", "cancelled", "running"]
    assert Page(browser.get("/runs", params={"tag": "old", "status": "running"})).text.count("No run matches") == 1


def test_narrative_is_planned_and_enqueued_from_its_page(careful: Runtime, browser: httpx2.Client) -> None:
    form = {"narrative": "examples/daily_digest", "iterations": "2", "model": "echo/echo", "tags": "page, <i>"}
    assert "Plan of" in browser.post("/narratives/plan", data=form).text
    answer = browser.post("/narratives/enqueue", data=form)
    run = run_of(careful, answer.headers["hx-redirect"].rpartition("/")[2])
    assert (run.iterations, run.tags) == (2, ["page", "<i>"])
    assert browser.post("/narratives/enqueue", data=form | {"iterations": "0"}).status_code == 422
    assert browser.post("/narratives/enqueue", data=form | {"narrative": "/etc/passwd"}).status_code == 422


def test_budget_is_lowered_paused_and_resumed(careful: Runtime, browser: httpx2.Client) -> None:
    scope = {"scope": "echo/echo@default"}
    assert browser.post("/budgets/pause", data=scope | {"reason": "lunch"}).status_code == 200
    assert "Paused by local: lunch" in Page(browser.get("/budgets")).text
    assert browser.post("/budgets/resume", data=scope).status_code == 200
    answer = browser.post("/budgets/lower", data=scope | {"window": "none", "limit": "5"})
    assert answer.status_code == 422 and "there is no window" in answer.json()["detail"]
