"""Checks say which rule a text breaks, and no pattern can hold a worker."""

from __future__ import annotations

import time

import pytest

from botticelli.gates.patterns import MAX_PATTERN_CHARACTERS, is_match, pattern_fault
from botticelli.gates.text_checks import Checks, failed_checks

GERMAN = "Das ist ein Text, und er ist nicht auf Englisch."


@pytest.mark.parametrize(
    ("checks", "text", "reason"),
    [
        (Checks(min_chars=5), "abcd", "it has 4 characters; at least 5 are needed"),
        (Checks(min_chars=2), " a\n", "it has 1 character; at least 2 are needed"),
        (Checks(max_chars=3), "äöüß", "it has 4 characters; at most 3 are allowed"),
        (Checks(must_match=("^#",)), "no title", 'it does not match the pattern "^#", which it must'),
        (
            Checks(must_not_match=("(?i)as an ai",)),
            "As an AI, I can't.",
            'it matches the pattern "(?i)as an ai", which it must not',
        ),
        (Checks(language=("en", "fr")), GERMAN, "it seems to be written in German; it must be in English or French"),
        (
            Checks(no_links=True),
            "see www.example.org/x",
            'it contains the link "www.example.org/x"; no links are allowed',
        ),
        (Checks(no_mentions=True), "hi @everyone!", 'it contains the mention "@everyone"; no mentions are allowed'),
    ],
)
def test_broken_rule_is_named_with_its_figures(checks: Checks, text: str, reason: str) -> None:
    assert [failure.reason for failure in failed_checks(text, checks)] == [reason]


def test_text_that_keeps_all_rules_has_no_failure() -> None:
    rules = Checks(
        min_chars=1,
        max_chars=48,
        must_match=("nicht", "^Das"),
        must_not_match=("(?i)as an ai",),
        language=("de",),
        no_links=True,
        no_mentions=True,
    )
    assert failed_checks(GERMAN, rules) == ()


def test_text_that_breaks_several_rules_has_a_reason_for_each() -> None:
    failures = failed_checks(GERMAN, Checks(max_chars=1, must_match=("x{9}",), language=("pl",)))
    assert [failure.rule for failure in failures] == ["max_chars", "must_match", "language"]


@pytest.mark.parametrize(
    "text", ["http://a.b", "(see example.com)", "[here](/login)", "join discord.gg/abc", "FTP://x.y/z"]
)
def test_links_of_any_form_are_recognised(text: str) -> None:
    assert failed_checks(text, Checks(no_links=True))


@pytest.mark.parametrize(
    "text", ["e.g. this", "version 1.2.3", "wait...what", "a/b testing", "mail me@example.com", "f(x) = y"]
)
def test_ordinary_text_holds_no_link(text: str) -> None:
    assert failed_checks(text, Checks(no_links=True)) == ()


@pytest.mark.parametrize("text", ["@here", "<@123>", "<@&5> hi", "in <#77>", "thanks, @ada.l"])
def test_mentions_of_any_form_are_recognised(text: str) -> None:
    assert failed_checks(text, Checks(no_mentions=True))


@pytest.mark.parametrize("text", ["me@example.com", "10 @ 5 EUR", "a <b> c", "x@y"])
def test_ordinary_text_holds_no_mention(text: str) -> None:
    assert failed_checks(text, Checks(no_mentions=True)) == ()


def test_language_that_cannot_be_told_is_no_failure() -> None:
    assert failed_checks("OK 42", Checks(language=("en",))) == ()


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(x+x+)+y"])
def test_pattern_that_backtracks_elsewhere_takes_no_time(pattern: str) -> None:
    text = "a" * 200_000 + "x" * 200_000 + "!"
    began = time.process_time()
    assert not is_match(pattern, text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("abc(", "unclosed group (character 4)"),
        ("a[", "unclosed character class (character 2)"),
        ("a(?=b)", "look-around, including look-ahead and look-behind, is not supported (character 2)"),
        (r"(\w)\1", "backreferences are not supported (character 5)"),
        ("x{1000}{1000}{10}", "is too large"),
        ("", "is empty, so it matches every text"),
        ("a" * (MAX_PATTERN_CHARACTERS + 1), "has 1,001 characters; at most 1,000 are allowed"),
        (r"\p{Han}+|ok", None),
    ],
)
def test_pattern_that_cannot_be_used_says_why_and_where(pattern: str, fault: str | None) -> None:
    assert pattern_fault(pattern) == fault
