"""Fetches a medium by its URL without ever reaching into a private network. Says nothing of what the content is good for.

Source of the rules: row S3 of the security notes. Each connection is made to an address that was judged, by its number:
a name that means something else a moment later changes nothing. Proxies and credentials of the environment play no part.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from botticelli.errors import FetchError
from botticelli.security.public_addresses import fault_of_host, is_public, parsed_address
from botticelli.settings.definitions import FetchSettings
from botticelli.settings.network import trust_fault

MAX_REDIRECTS = 3
MAX_URL_CHARACTERS = 2048
PORTS = (80, 443)
LEAST_PORT = 1024
"""Below it are services that are no web servers."""

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text."""
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """`mime` is what the server says, empty when it says nothing."""

    data: bytes
    mime: str


def fault_of_url(url: str, settings: FetchSettings) -> str | None:
    """Why this URL is not fetched, as far as it can be told without asking anybody; None when nothing is wrong."""
    try:
        parts, host = _taken_apart(url)
    except ValueError:
        return "is no URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.allow_http):
        return "is no https URL"
    if "@" in parts.netloc:
        return "names a user, which media URLs may not"
    if not host:
        return "names no host"
    if host in settings.allow_hosts:
        return None
    if parts.port is not None and parts.port < LEAST_PORT and parts.port not in PORTS:
        return f"port {parts.port} is not one that serves media"
    return fault_of_host(host)


def fetch(url: str, settings: FetchSettings, *, resolve: Resolver | None = None, trust: Any = None) -> Fetched:
    """The content behind `url`, after at most three redirects. FetchError. `trust` is an SSL context for tests."""
    deadline = time.monotonic() + settings.timeout_seconds
    for _ in range(MAX_REDIRECTS + 1):
        fault = fault_of_url(url, settings)
        if fault is not None:
            raise FetchError(fault, where=_shown(url), do="see [fetch] of the settings")
        answer = _get(url, settings, deadline, resolve or _resolved, trust)
        if isinstance(answer, Fetched):
            return answer
        url = urljoin(url, answer)
    raise FetchError(f"redirects more than {MAX_REDIRECTS} times", where=_shown(url), do="give the URL it leads to")


def _get(url: str, settings: FetchSettings, deadline: float, resolve: Resolver, trust: Any) -> Fetched | str:
    """The content, or where it has moved to."""
    import httpcore2

    from botticelli.security.fetch_transport import JudgedNetwork

    where = _shown(url)
    fault = trust_fault(os.environ) if trust is None and url.startswith("https") else None
    if fault is not None:
        raise FetchError(f"can't be fetched: {fault.where}: {fault.what}", where=where, do=fault.do)
    backend = JudgedNetwork(lambda host, port: _judged(host, port, settings, resolve), deadline)
    context = trust or ssl.create_default_context()
    parts, host = _taken_apart(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}".encode("ascii", "strict")
    location = httpcore2.URL(scheme=parts.scheme, host=host, port=parts.port, target=target)
    headers: dict[str | bytes, str | bytes] = {
        "Host": parts.netloc,
        "User-Agent": "botticelli",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
            pool.stream("GET", location, headers=headers) as response,
        ):
            return _content(response, settings, deadline, where)
    except (httpcore2.TimeoutException, TimeoutError):
        raise FetchError(f"took longer than {settings.timeout_seconds:g} s", where=where) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        raise FetchError(f"can't be fetched: {type(error).__name__}", where=where) from None


def _content(response: Any, settings: FetchSettings, deadline: float, where: str) -> Fetched | str:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    if response.status in _REDIRECTS and "location" in headers:
        return str(headers["location"])
    if response.status != 200:
        raise FetchError(f"answers {response.status}", where=where, do="check the URL")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("comes compressed, although that was not asked for", where=where)
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > settings.max_mb * 1_000_000:
            raise FetchError(f"is larger than {settings.max_mb:g} MB", where=where)
        if time.monotonic() > deadline:
            raise TimeoutError
    return Fetched(bytes(data), headers.get("content-type", ""))


def _judged(host: str, port: int, settings: FetchSettings, resolve: Resolver) -> str:
    """The first address of the host, when all that it has are public. FetchError."""
    addresses = list(resolve(host, port))
    if not addresses:
        raise FetchError("has no address", where=host)
    if host not in settings.allow_hosts:
        for one in addresses:
            address = parsed_address(one)
            if address is None or not is_public(address):
                what = "leads into a private network"
                raise FetchError(what, where=host, do="list the host in [fetch] allow_hosts if it is yours")
    return addresses[0]


def _resolved(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError("has no address", where=host, do="check the URL") from None
    return [str(one[4][0]) for one in found]


def _taken_apart(url: str) -> tuple[SplitResult, str]:
    """ValueError for what is no URL: with blanks or control characters, too long, with a port that is none."""
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError(url)
    parts = urlsplit(url)
    _ = parts.port
    return parts, (parts.hostname or "").lower()


def _shown(url: str) -> str:
    """Without what may be secret: a login and the query."""
    scheme, separator, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    if "@" in rest:
        rest = rest.rpartition("@")[2]
    elif "@" in url and "/" not in rest:  # a password cut short by its own `?` or `#`
        rest = "..."
    plain = f"{scheme}{separator}{rest}"
    plain = "".join(one if one.isprintable() else "?" for one in plain)
    return plain if len(plain) <= 120 else f"{plain[:117]}..."
