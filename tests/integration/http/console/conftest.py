"""Pages over a runtime of its own, with a message of hostile text that waits for approval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx2
import pytest
from sqlalchemy import update

from botticelli.http.access.browser_sessions import SESSION_COOKIE, csrf_token
from botticelli.runtime.process import Runtime
from botticelli.security.access_tokens import create_token
from botticelli.store import Effect, Run
from botticelli.store.schema.tables import acts
from tests.support.commands import act
from tests.support.narratives import narrative_text, perform_all, start
from tests.support.servers.http_door import served

HOSTILE = "</textarea><script>alert(1)</script> <img src=x onerror=alert(2)> \u202egnp.exe \u0007 **bold**"
LONG_CHARACTERS = 200_000


@dataclass
class Page(HTMLParser):
    """Reads a page for tests: its elements with their attributes, and its text."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self.answer = answer
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def posts(self) -> list[str]:
        """The addresses that something on the page would post to, but for the log-out."""
        posted = [attrs["hx-post"] or "" for _, attrs in self.elements if "hx-post" in attrs]
        forms = [attrs for tag, attrs in self.elements if tag == "form" and attrs.get("method") == "post"]
        return posted + [str(attrs["action"]) for attrs in forms if attrs["action"] != "/logout"]


@pytest.fixture
def careful(make_runtime: Callable[..., Runtime]) -> Runtime:
    """Every message wants a person's approval; commands are rehearsed."""
    return make_runtime(security__require_confirmation='["messages.send"]')


@pytest.fixture
def waiting_run(careful: Runtime) -> Run:
    """A run whose message waits, and whose model said something hostile and long."""
    text = narrative_text(1, 'say = "Say it."\n' + act("sent", "messages.send", channel_id="12", content=HOSTILE))
    run = perform_all(careful, start(careful, text, tags=("<b>",)).id)
    with careful.store.transaction() as tx:
        tx.connection.execute(update(acts).where(acts.c.name == "say").values(output=HOSTILE + "x" * LONG_CHARACTERS))
    return run


@pytest.fixture
def effect(careful: Runtime, waiting_run: Run) -> Effect:
    with careful.store.transaction() as tx:
        (waiting,) = tx.effects.waiting()
    return waiting


@pytest.fixture
def browser(careful: Runtime) -> Iterator[httpx2.Client]:
    """A browser on this machine; without a token it may do everything."""
    with served(careful) as client:
        yield client


def session(runtime: Runtime, *scopes: str, tenant: str | None = None) -> dict[str, str]:
    """The headers of a browser that has logged in with a token of these scopes."""
    text = create_token(runtime, "visitor", scopes, by="ada", tenant=tenant).text
    return {"Cookie": f"{SESSION_COOKIE}={text}", "X-CSRF-Token": csrf_token(text)}
