"""Checks URLs and shows them without secrets. A message holds no part of a URL: any part may be the password.

A password with `#`, `/`, `?` or `@` in it shifts the parts of a URL, so that a parser takes half of the password for a
port, a host or a database, and shows it. Every URL of the settings is checked here before a library sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from urllib.parse import quote, unquote

ESCAPES = (
    "in a login, write % as %25, # as %23, / as %2F, ? as %3F, @ as %40, : as %3A, [ as %5B, ] as %5D, a blank as %20"
)
MAX_CHARACTERS = 4096
MAX_PORT = 65_535
HIDDEN = "***"
SHOWN_PARAMETERS = ("host", "port", "dbname", "db")
"""Query parameters that say where a server is. Others may hold a password."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](.*)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ud800-\udfff]")
_LOGIN_SAFE = "-._~!$&'()*+,;="


class UrlFault(ValueError):
    """Why a text is not a usable URL; without the text."""


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """A URL taken apart. `tail` is everything from the path on; `login` is empty or ends with `@`, percent-encoded."""

    scheme: str
    login: str
    host: str
    port: int | None
    path: str
    tail: str

    @property
    def text(self) -> str:
        """Return the URL in a form that all parsers read alike."""
        place = self.host + ("" if self.port is None else f":{self.port}")
        return f"{self.scheme}://{self.login}{place}{self.tail}"


def checked_url(text: str, schemes: Sequence[str], *, needs_host: bool = True, login: bool = True) -> CheckedUrl:
    """Take a URL apart, strictly. `login`: whether it may hold a user and a password. Raises UrlFault."""
    match = _SCHEME.fullmatch(_cleaned(text))
    if match is None or match[1].lower() not in schemes:
        raise UrlFault(f"must be a {_choice([f'{scheme}://' for scheme in schemes])} URL")
    authority, tail = _split(match[2])
    before, at, place = authority.rpartition("@")
    if at and not login:
        raise UrlFault("must not hold a user or a password")
    host, port = _host_and_port(place)
    if needs_host and not host:
        raise UrlFault("is not a valid URL: it names no host")
    path = re.split(r"\?", tail, maxsplit=1)[0]
    return CheckedUrl(match[1].lower(), _login(before) + at, host, port, path, tail)


def http_url(text: str) -> str:
    """Check the URL of an HTTP server, which may hold no login, and return it. Raises UrlFault."""
    return checked_url(text, ("http", "https"), login=False).text


def shown_url(text: str) -> str:
    """Return a URL for a message: no password, and only query parameters that locate the server.

    An unreadable part is hidden.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return HIDDEN
    try:
        authority, tail = _split(rest)
        before, at, place = authority.rpartition("@")
        host, port = _host_and_port(place)
    except UrlFault:
        return f"{scheme}://{HIDDEN}"
    user, colon, _ = before.partition(":")
    is_name = colon or scheme.startswith("postgres")  # elsewhere, what stands alone is often a token
    shown_login = (user if is_name else HIDDEN) + (f":{HIDDEN}" if colon else "") + at if at else ""
    path, _, query = tail.partition("?")
    shown = "&".join(part for part in query.split("&") if part.partition("=")[0] in SHOWN_PARAMETERS)
    port_text = "" if port is None else f":{port}"
    return f"{scheme}://{shown_login}{host}{port_text}{path}{'?' if shown else ''}{shown}"


def _cleaned(text: str) -> str:
    """Strip surrounding white space and line ends, which files and variables collect. Raises UrlFault."""
    text = text.strip()
    if not text:
        raise UrlFault("is empty")
    if len(text) > MAX_CHARACTERS:
        raise UrlFault(f"is not a valid URL: it is longer than {MAX_CHARACTERS:,} characters")
    if _UNPRINTABLE.search(text):
        raise UrlFault(f"is not a valid URL: it holds blanks, line ends or invisible characters; {ESCAPES}")
    return text


def _split(rest: str) -> tuple[str, str]:
    """Split into authority and tail.

    An `@` or `#` in the tail shows that the password ended the authority too early.
    """
    end = next((place for place, letter in enumerate(rest) if letter in "/?#\\"), len(rest))
    authority, tail = rest[:end], rest[end:]
    if "#" in tail or "\\" in tail or "@" in tail:
        raise UrlFault(f"is not a valid URL: it is cut short by a special character; {ESCAPES}")
    return authority, tail


def _host_and_port(place: str) -> tuple[str, int | None]:
    bracketed = _BRACKETED.fullmatch(place)
    if bracketed is not None:
        host, rest = f"[{bracketed[1]}]", bracketed[2]
        try:
            IPv6Address(unquote(bracketed[1]))
        except ValueError:
            raise UrlFault(f"is not a valid URL: its host in brackets is not an IPv6 address; {ESCAPES}") from None
        if rest and not rest.startswith(":"):
            raise UrlFault(f"is not a valid URL: text follows its host; {ESCAPES}")
        return host, _port(rest.removeprefix(":")) if rest else None
    host, colon, port = place.partition(":")
    if host and not _HOST.fullmatch(host):
        raise UrlFault(f"is not a valid URL: its host is not a name; {ESCAPES}")
    return host, _port(port) if colon and port else None


def _port(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 1 <= int(text) <= MAX_PORT:
        raise UrlFault(f"is not a valid URL: its port is not a number from 1 to {MAX_PORT:,}; {ESCAPES}")
    return int(text)


def _login(text: str) -> str:
    """Encode user and password so that every parser reads the same; encoded characters keep their meaning."""
    user, colon, password = text.partition(":")
    return quote(unquote(user), safe=_LOGIN_SAFE) + colon + quote(unquote(password), safe=_LOGIN_SAFE)


def _choice(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
