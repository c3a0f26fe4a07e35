"""Views of rows on pages: messages, timelines, differences, filters, figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.errors import InvalidInput
from botticelli.http.console.views.differences import difference
from botticelli.http.console.views.figures import duration, money, visible
from botticelli.http.console.views.message_blocks import blocks_of
from botticelli.http.console.views.run_queries import RunQuery, read_query
from botticelli.http.console.views.status_marks import mark_of
from botticelli.http.console.views.timelines import WIDTH, lanes_of
from botticelli.statuses import EFFECT_STATUSES, RUN_STATUSES
from botticelli.store import ActRow, Iteration

START = datetime(2026, 11, 1, tzinfo=UTC)


def seconds(count: float) -> datetime:
    return START + timedelta(seconds=count)


def iteration(number: int, start: float | None, end: float | None) -> Iteration:
    return Iteration(
        run_id="r",
        number=number,
        status="succeeded",
        attempt=1,
        worker=None,
        error=None,
        created_at=START,
        started_at=None if start is None else seconds(start),
        finished_at=None if end is None else seconds(end),
    )


def act(name: str, start: float | None, end: float, **more: Any) -> ActRow:
    begun = None if start is None else seconds(start)
    facts: dict[str, Any] = {"run_id": "r", "number": 1, "position": 1, "fencing_token": 1, "status": "done"} | more
    return ActRow(name=name, started_at=begun, finished_at=seconds(end), **facts)


class Now:
    now = seconds(10)


def test_message_is_cut_into_quotes_code_and_emphasis() -> None:
    quote, text, code = blocks_of("> so *it* was\n**now** `x*y*` ~~no~~\n```py\na *b*\n```")
    assert [(span.kind, span.text) for span in quote.spans] == [("text", "so "), ("italic", "it"), ("text", " was")]
    kinds = [(span.kind, span.text) for span in text.spans if span.text.strip()]
    assert (quote.kind, kinds) == ("quote", [("bold", "now"), ("code", "x*y*"), ("struck", "no")])
    assert (code.kind, code.spans[0].text) == ("code", "a *b*")


@given(st.text(alphabet="*_~`>ab \n<", max_size=60))
def test_message_of_any_text_keeps_its_letters(text: str) -> None:
    shown = "".join(span.text for block in blocks_of(text) for span in block.spans)
    assert [letter for letter in shown if letter in "ab<"] == [letter for letter in text if letter in "ab<"]


def test_lanes_share_one_line_of_time() -> None:
    acts = {1: [act("one", 0, 2), act("two", None, 5, status="failed")], 2: [act("one", 99, 99)]}
    first, second, third = lanes_of(Now(), [iteration(1, 0, 5), iteration(2, 5, None), iteration(3, None, None)], acts)  # type: ignore[arg-type]
    assert (first.left, first.width, second.left, second.width) == (0, 500, 500, 500)
    assert [(piece.left, piece.width, piece.tone) for piece in first.pieces] == [(0, 200, "good"), (200, 300, "bad")]
    assert third.width == 0 and "has not started" in third.label
    assert all(
        0 <= piece.left <= piece.left + piece.width <= WIDTH for lane in (first, second) for piece in lane.pieces
    )


def test_difference_has_the_lines_that_change() -> None:
    lines = difference({"content": "a\nb\nc", "same": 1, "gone": True}, {"content": "a\nB\nc", "same": 1})
    assert [(line.kind, line.text) for line in lines] == [
        ("same", "content: a"),
        ("gone", "b"),
        ("come", "B"),
        ("same", "c"),
        ("gone", "gone: true"),
    ]


def test_filters_survive_their_address() -> None:
    query = read_query(["failed", ""], {"tag": " a&b ", "text": "x=y"})
    assert (query.statuses, query.tag, query.address()) == (("failed",), "a&b", "status=failed&tag=a%26b&text=x%3Dy")
    assert not RunQuery().is_set
    for statuses, values in (
        (["done"], {}),
        ([], {"before": "soon"}),
        ([], {"before": "2026-01-01"}),
        ([], {"tag": "\0"}),
    ):
        with pytest.raises(InvalidInput):
            read_query(statuses, values)


def test_every_status_has_a_shape_of_its_own_kind() -> None:
    assert {status for status in (*RUN_STATUSES, *EFFECT_STATUSES) if mark_of(status).word == ""} == set()
    tones = {status: mark_of(status).tone for status in RUN_STATUSES}
    assert (tones["failed"], tones["completed"], tones["paused"], tones["waiting"]) == (
        "bad",
        "good",
        "held",
        "waiting",
    )


def test_figures_are_written_for_people() -> None:
    assert (money(None), money(Decimal(0)), money(Decimal("0.00012")), money(1.5)) == (
        "unknown",
        "$0",
        "$0.00012",
        "$1.5000",
    )
    assert (duration(0.43), duration(75), duration(7_620), duration(100_000)) == (
        "0.4 s",
        "1 min 15 s",
        "2 h 07 min",
        "1 d 03 h",
    )
    assert visible("a\u202eb\x07\n\t") == "a<U+202E>b<U+0007>\n\t"
