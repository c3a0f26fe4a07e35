"""No text that people read shows a secret: whole, cut, quoted, encoded, or of a kind that is known by its look."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

import pytest

from botticelli.drivers.failures.sdk_errors import Answer, Translator
from botticelli.errors import BotticelliError
from botticelli.telemetry.masking import MASK, mask_logs, masked

KEY = "Zq7+vW/3xK9pLr5T-yB2nM8&dF4hJ6s="
LEFT = 7
"""Characters in a row that may be left of it, at most."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSE_API_KEY", KEY)


def shows(text: str, secret: str = KEY) -> bool:
    return any(secret[at : at + LEFT + 1] in text for at in range(len(secret) - LEFT))


ECHOES = {
    "whole": KEY,
    "without its end": KEY[:-6],
    "its beginning": KEY[:10],
    "its end": KEY[-12:],
    "its middle": KEY[8:20],
    "in quotes": f'"{KEY}"',
    "in JSON": json.dumps({"key": KEY}),
    "in a URL": quote(KEY, safe=""),
    "in a URL, cut": quote(KEY, safe="")[:-7],
    "partly quoted": quote(KEY),
    "within a word": f"x{KEY}x",
    "twice": f"{KEY}{KEY}",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_key_that_an_answer_echoes_is_masked(echo: str) -> None:
    error = Translator("there", "HOUSE_API_KEY", KEY).of_answer(Answer(401, f"Incorrect key {echo} given"))
    assert not shows(str(error))
    assert MASK in str(error)
    assert "Incorrect key" in str(error)


@pytest.mark.parametrize("written", [KEY.lower(), KEY.upper(), KEY.encode().hex(), KEY.lower()[3:]])
def test_key_that_is_echoed_in_another_writing_is_masked(written: str) -> None:
    error = Translator("there", "HOUSE_API_KEY", KEY).of_answer(Answer(401, f"Incorrect key {written} given"))
    assert str(error).count(MASK) == 1
    assert not any(written[at : at + 8] in str(error) for at in range(len(written) - 8))


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "Bearer "])
def test_key_in_base64_is_masked_wherever_it_begins(before: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        echo = encode(f"{before}{KEY}".encode()).decode()
        left = masked(f"got {echo}")
        assert not shows(left, echo[len(before) * 2 :]), before


def test_key_that_no_variable_names_is_masked_after_it_was_used() -> None:
    own = "q8Wn2Lx0Vb6Tz4Rk1Jd9"
    error = Translator("there", "NAME", own).of_answer(Answer(401, f"bad {own[:12]}"))
    assert own[:8] not in str(error)
    assert own[:8] not in str(BotticelliError(f"again {own}"))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-proj-abcdefGHIJ1234567890", "abcdefGHIJ"),
        ("key sk-ant-api03-abcdefGHIJ1234567890", "abcdefGHIJ"),
        ("key AIzaSyA1234567890abcdef", "SyA1234567890"),
        ("xoxb-123456789012-abcdefghij", "123456789012"),
        ("gsk_abcdefghijKLMNOP1234", "abcdefghij"),
        ("hf_abcdefghijKLMNOP1234", "abcdefghij"),
        ("ghp_abcdefghijKLMNOP1234", "abcdefghij"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIi"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("authorization: bearer abcdef123456", "abcdef123456"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNz"),
        ("Bot MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123", "abcdefghij"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz0123", "abcdefghij"),
        ("postgresql+psycopg2://me:s3cret@db:5432/x", "s3cret"),
        ("redis://:s3cr@et/1@cache:6379/0", "s3cr@et"),
        ("https://u:p4ss@example.com", "p4ss"),
        ("https://h/v1?key=abcdef123456&alt=sse", "abcdef123456"),
        ("https://h/v1?access_token=abcdef123456", "abcdef123456"),
        ("dbname=x password=hunter22 host=y", "hunter22"),
        ('{"api_key": "abcdef123456"}', "abcdef123456"),
        ("x-api-key: abcdef123456", "abcdef123456"),
        ("https://discord.com/api/webhooks/123/abcdefghijklmnopqrstuvwxyz", "abcdefghij"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----", "MIIEvQ"),
    ],
)
def test_text_that_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in masked(text)
    assert secret not in str(BotticelliError("it failed", where=text, do=text))


@pytest.mark.parametrize(
    "text",
    [
        "gemini/gemini-3.8-flash@default: 429: quota exceeded; wait 30 s",
        "/srv/app/narratives/digest.toml:12:3: [acts] prompt: must be a string",
        "the run 9f0c1e52-6a39-4b6f-8c57-62f1f1f0b0aa has no iteration 3",
        "https://example.com/a/b?page=2#top is not a valid URL",
        "set GEMINI_API_KEY, or name another variable with api_key_env",
        "redis://localhost:6379/0 can't be reached",
        "the tokens of gemini are used up; input_tokens=1200",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_words_in_variables_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "postgres")
    monkeypatch.setenv("MAX_TOKENS", "70318264")
    monkeypatch.setenv("KEY_FILE", "/etc/ssl/certs")
    text = "postgres reads 70318264 of /etc/ssl/certs"
    assert masked(text) == text


def test_short_secret_is_masked_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter-22@db/x")
    assert masked("wrong password hunter-22 or hunter") == f"wrong password {MASK} or hunter"


def test_log_lines_and_tracebacks_show_no_secret() -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger = logging.Logger("apart")
    logger.addHandler(Kept())
    mask_logs(logger)
    try:
        raise ValueError(f"refused {KEY}")
    except ValueError:
        logger.exception("it said %s", KEY[:-6])
    (line,) = lines
    assert not shows(line)
    assert "Traceback" in line


@pytest.mark.parametrize("short", ["x", "k", "no", "abc", "€"])
def test_key_of_a_few_letters_leaves_messages_readable(short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botticelli.telemetry.masking._remembered", set())
    error = Translator("openai-compatible/x", "OPENAI_COMPATIBLE_API_KEY", short).of_answer(
        Answer(429, "Slow down, abc.")
    )
    assert error.what == "429: Slow down, abc."


@pytest.mark.parametrize(
    ("name", "is_masked"),
    [("AUTHORIZATION", True), ("PROXY_AUTHORIZATION", True), ("AUTHOR", False), ("AUTHORS", False)],
)
def test_authorization_is_a_secret_and_an_author_is_none(
    name: str, is_masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "h7Jm3Pd9Xc5Fs1Gv")
    assert (masked("by h7Jm3Pd9Xc5Fs1Gv") == f"by {MASK}") == is_masked
