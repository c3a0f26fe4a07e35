"""Media travel with the run, go when nobody needs them, and are refused where no model takes them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from sqlalchemy import text

from botticelli.carousel import EnqueueRequest, enqueue
from botticelli.errors import NarrativeError
from botticelli.narrative import load_narrative
from botticelli.runtime.process import Runtime
from botticelli.store import NewMedium
from tests.support.content import generating, run, script
from tests.support.narratives import perform_all, start

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOOK = """
[narrative]
name = "look"
[narrative.carousel]
iterations = 2
[acts]
see = ["media.dot", "What is it?"]
again = ["media.dot", "And now?"]
[media.dot]
file = "dot.png"
"""


def test_media_travel_with_the_run_and_go_when_nobody_needs_them(runtime: Runtime, tmp_path: Path) -> None:
    file = tmp_path / "look.toml"
    file.write_text(LOOK, encoding="utf-8")
    (tmp_path / "dot.png").write_bytes(PNG)
    runs = [enqueue(runtime, load_narrative(file), str(file), EnqueueRequest()).run for _ in range(2)]
    (tmp_path / "dot.png").unlink()
    driver = script(runtime)
    assert [perform_all(runtime, run.id).status for run in runs] == ["completed", "completed"]
    media = [message.media for request in driver.requests for message in request.messages]
    sent = [medium for some in media for medium in some]
    assert {(medium.kind, medium.mime, medium.data, medium.filename) for medium in sent} == {
        ("image", "image/png", PNG, "dot.png")
    }
    assert len(sent) == 8
    with runtime.store.transaction() as tx:
        count = text("select count(*), (select count(*) from run_media) from media")
        assert tuple(tx.connection.execute(count).one()) == (1, 2)
        tx.media.share(runs[0].id, runs[1].id)
        tx.connection.execute(text("update media set created_at = now() - interval '2 hours'"))
        tx.connection.execute(text("delete from runs where id = :id"), {"id": runs[0].id})
        assert tx.media.sweep() == 0
        tx.connection.execute(text("delete from runs"))
        assert tx.media.sweep() == 1


def test_a_medium_that_is_attached_again_is_not_swept_away(runtime: Runtime) -> None:
    first = start(runtime, generating())
    with runtime.store.transaction() as tx:
        tx.media.attach(first.id, {"abc": NewMedium("text/plain", b"x")})
        tx.connection.execute(text("delete from run_media"))
        tx.connection.execute(text("update media set created_at = now() - interval '2 hours'"))
        tx.media.attach(first.id, {"abc": NewMedium("text/plain", b"x")})
        assert tx.media.sweep() == 0
        assert tx.media.content("abc") == b"x"


def test_media_that_nobody_takes_are_refused_at_enqueue(runtime: Runtime) -> None:
    driver = script(runtime)
    driver.media_kinds = lambda model: frozenset({"audio"})  # type: ignore[method-assign,assignment]
    look = '[narrative]\nname = "l"\n[acts]\na = ["media.m", "x"]\n[media.m]\nurl = "https://{state.host}/a.png"\n'
    with pytest.raises(NarrativeError, match=r"test.toml:4:1: \[act a\] image: echo/echo takes no image inputs"):
        start(runtime, look)
    script(runtime)
    with pytest.raises(NarrativeError, match=r"10.0.0.1 is not a public address"):
        start(runtime, look.replace("{state.host}", "10.0.0.1"))
    with runtime.store.transaction() as tx:
        tx.state.set("host", "127.0.0.1")
    status, (act,) = run(runtime, look)
    assert status == "failed" and "127.0.0.1 is not a public address" in str(act.error)
