"""Masks secrets in texts that people will read: errors, rows, events and logs.

It masks what looks like a key of a known kind, and every 8 consecutive characters of a secret of this process: providers echo
keys cut, quoted or encoded. Secrets are environment variables with a telling name, and those passed to `remember`.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import time
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

MASK = "***"
PIECE = 8
"""How many consecutive characters of a secret are enough to be masked."""
LEAST_SECRET = 4
"""The shortest secret that is masked: a shorter one (`x`, as the key of a local server) is a part of ordinary words."""
LONG_SECRET = 12
"""The shortest secret of which pieces are masked: pieces of a shorter one could be ordinary words."""
FRESH_SECONDS = 1.0
_SECRET_NAMES = re.compile(
    r"(?:^|_)(?:API)?KEYS?(?:$|_)|APIKEY|TOKEN(?!S)|SECRET|PASSW|PWD$|CREDENTIAL|AUTH(?!ORS?(?:_|$))|_PAT$|DSN$|URL$|WEBHOOK",
    re.IGNORECASE,
)
_KNOWN = (
    re.compile(r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}"),  # OpenAI, Anthropic, OpenRouter, Stripe
    re.compile(r"\bAIza[0-9A-Za-z_-]{6,}"),  # Google
    re.compile(r"\bya29\.[0-9A-Za-z_.-]{8,}"),
    re.compile(
        r"\b(?:gsk|hf|xai|r8|nvapi|pplx|tgp|fw|csk|co|ghp|gho|ghs|ghu|github_pat|glpat|whsec)[-_][A-Za-z0-9_-]{10,}"
    ),
    re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{6,}"),  # Slack
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"),  # AWS
    re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"),  # JWT
    re.compile(r"\b[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{20,}"),  # Discord
    re.compile(r"(?i)(?<=/webhooks/)\d+/[A-Za-z0-9_-]{20,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"),
    re.compile(r"(?i)(?<=\bbearer )[^\s\"',;]{6,}"),
    re.compile(r"(?i)(?<=\bbasic )[A-Za-z0-9+/_-]{8,}={0,2}"),
    re.compile(r"(?<=\bBot )[A-Za-z0-9_.-]{20,}"),
    re.compile(r"(?i)(?<=://)[^\s/\"'<>]*:[^\s\"'<>]*(?=@)"),  # a login in a URL
    re.compile(r"(?i)(?<=[?&](?:key|sig)=)[^\s&\"'<>]{6,}"),
    re.compile(
        r"(?i)(?:api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|passw(?:or)?d|signature)"
        r"[\"']?\s*[=:]\s*[\"']?(?!\*)(?P<value>[^\s&\"',;<>]{6,})"
    ),
)
_remembered: set[str] = set()


def remember(secret: str) -> None:
    """Mask a secret from now on that is in no environment variable with a telling name."""
    if secret and secret not in _remembered:
        _remembered.add(secret)
        _Pieces.current = None


def remember_value(value: str) -> None:
    """Mask from now on what is secret in the value of a file: the password of a URL, else the whole of it."""
    for secret in _parts_of(value):
        remember(secret)


def masked(text: str, *, fresh: bool = True) -> str:
    """Return `text` with its secrets masked. Without `fresh`, environment variables may be read up to a second ago."""
    for pattern in _KNOWN:
        text = pattern.sub(_hidden, text)
    return _Pieces.now(FRESH_SECONDS if not fresh else 0.0).hide(text)


class MaskingFormatter(logging.Formatter):
    """Masks secrets in the output of another formatter, tracebacks and lines of libraries included."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        return masked(self._inner.format(record), fresh=False)


def mask_logs(logger: logging.Logger) -> None:
    """Mask secrets in everything that the handlers of `logger` write from now on."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, MaskingFormatter):
            handler.setFormatter(MaskingFormatter(handler.formatter))


def _hidden(match: re.Match[str]) -> str:
    whole = match.group()
    value = match.groupdict().get("value")
    return MASK if value is None else whole[: -len(value)] + MASK


class _Pieces:
    """The pieces of all long secrets, and the short secrets whole; rebuilt when the environment may have changed."""

    current: _Pieces | None = None

    def __init__(self, secrets: frozenset[str]) -> None:
        self.checked_at = time.monotonic()
        self.secrets = secrets
        written = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST_SECRET}
        self._short = sorted((form for form in written if len(form) < LONG_SECRET), key=len, reverse=True)
        self._long = {
            form[at : at + PIECE] for form in written if len(form) >= LONG_SECRET for at in range(len(form) - 7)
        }

    @classmethod
    def now(cls, age_seconds: float) -> _Pieces:
        """Return the pieces, checked against the environment at most `age_seconds` ago."""
        current = cls.current
        if current is not None and time.monotonic() - current.checked_at < age_seconds:
            return current
        secrets = frozenset(_secrets())
        if current is None or current.secrets != secrets:
            current = cls(secrets)
        current.checked_at = time.monotonic()
        cls.current = current
        return current

    def hide(self, text: str) -> str:
        for secret in self._short:
            text = text.replace(secret, MASK)
        if not self._long:
            return text
        parts, copied, at = [], 0, 0
        while at <= len(text) - PIECE:
            if text[at : at + PIECE] not in self._long:
                at += 1
                continue
            parts += [text[copied:at], MASK]
            at += PIECE
            while at < len(text) and text[at - PIECE + 1 : at + 1] in self._long:
                at += 1
            copied = at
        return "".join([*parts, text[copied:]]) if parts else text


def _secrets() -> Iterable[str]:
    yield from _remembered
    for name, value in os.environ.items():
        if _SECRET_NAMES.search(name):
            yield from _parts_of(value)


def _parts_of(value: str) -> Iterable[str]:
    """Yield the secret part of a value: the password of a URL, nothing of a path or an ordinary word."""
    value = value.strip()
    if "://" in value:
        try:
            password = urlsplit(value).password
        except ValueError:
            password = None
        value = password or ""
    is_path = value.startswith(("/", "./", "~")) or (os.sep in value.strip("/") and os.path.exists(value))
    is_word = value.isdigit() or (value.isalpha() and len(value) < 2 * LONG_SECRET)
    if len(value) >= PIECE and not is_path and not is_word:
        yield value


def _forms(secret: str) -> Iterable[str]:
    """Yield the ways to write a secret: plain, in one case, hexadecimal, URL-quoted, JSON-quoted, base64 at each offset."""
    yield from {secret, secret.lower(), secret.upper()}
    yield secret.encode("utf-8", "replace").hex()
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    data = secret.encode("utf-8", "replace")
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + data).decode()[4 if shift else 0 :].rstrip("=")[:-1]
