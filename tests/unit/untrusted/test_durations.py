"""Durations as people write them."""

from __future__ import annotations

import pytest

from botticelli.untrusted.durations import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("0.5", 0.5),
        ("45s", 45),
        ("15m", 900),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("3d", 259_200),
        ("2w", 1_209_600),
        ("1w2d3h4m5s", 788_645),
        ("36500d", 3_153_600_000),
    ],
)
def test_duration_is_read_in_seconds(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "-1s",
        "+1",
        "s",
        "1y",
        "1M",
        "1H",
        "1 h",
        "1h 5m",
        "1h30",
        "1e3",
        ".5",
        "5.",
        "1,5h",
        "inf",
        "nan",
        "9" * 50 + "s",
        "1s" * 200,
        "٣s",
        "1h\n",
        "1_000",
    ],
)
def test_text_of_another_form_is_no_duration(text):
    assert parse_seconds(text) is None
