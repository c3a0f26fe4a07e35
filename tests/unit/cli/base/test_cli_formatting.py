"""How values look to people: above all, that nothing a model writes can act on the terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botticelli.cli.base.formatting import duration, gauge, iterations, money, one_line, safe
from botticelli.cli.base.json_output import as_json
from botticelli.cli.base.layout import table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain — ünïcödé 漢字 👩‍🎨", "plain — ünïcödé 漢字 👩‍🎨"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\bc\x7f", "a\\rb\\x08c\\x7f"),
        ("txt\u202egnp", "txt\\u202egnp"),
        ("a\u2028b\ud800", "a\\u2028b\\ud800"),
    ],
)
def test_control_characters_are_shown_not_obeyed(text, shown):
    assert safe(text) == shown


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    for shown in (safe(text), one_line(text, 40)):
        assert not any(ord(line) < 32 or 127 <= ord(line) < 160 for line in shown)


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_one_line_is_never_longer_than_its_width(text, width):
    assert len(one_line(text, width)) <= width


def test_line_ends_stay_where_they_are_wanted():
    assert safe("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


def test_one_line_folds_white_space_and_says_when_it_cuts():
    assert one_line("  a \n\n b\t c ", 20) == "a b c"
    assert one_line("abcdefgh", 5) == "abcd…"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.7, "1 min 00 s"),
        (125, "2 min 05 s"),
        (7620, "2 h 07 min"),
        (86_400 * 3 + 4 * 3600, "3 d 04 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("used", "held", "limit", "bar"),
    [
        (0, 0, 10, "░░░░░░░░░░"),
        (3, 2, 10, "███▒▒░░░░░"),
        (10, 5, 10, "██████████"),
        (15, 0, 10, "██████████"),
        (0, 0, 0, "██████████"),
    ],
)
def test_gauges_are_as_wide_as_they_should_be(used, held, limit, bar):
    assert gauge(used, held, limit, 10) == bar


def test_an_unknown_cost_is_not_zero():
    assert (money(Decimal("0.00005")), money(0.000123), money(0.0042)) == ("$0.00005", "$0.00012", "$0.0042")
    assert (money(None), money(Decimal("0")), money(1234.5)) == ("unknown", "$0.0000", "$1,234.5000")


def test_one_iteration_is_singular():
    assert (iterations(1), iterations(1200)) == ("1 iteration", "1,200 iterations")


def test_tables_align_and_escape():
    lines = table(("name", "count"), [("a", "1"), ("\x1bb", "22")], right=("count",))
    assert lines == ["name   count", "a          1", "\\x1bb     22"]


@given(st.text())
def test_json_lines_are_one_line_of_ascii(text):
    line = as_json({"output": text, "cost": Decimal("0.25")})
    assert line.isascii()
    assert "\n" not in line
    assert '"cost": 0.25' in line
