"""Fetches a URL without ever reaching a private network (protection against SSRF). Does not check the content.

Each connection goes to an address that was checked before, not to its name: a name that resolves differently a moment later
(DNS rebinding) changes nothing. Proxies and credentials of the environment are ignored.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from botticelli.errors import FetchError
from botticelli.security.public_addresses import host_fault, is_public, parsed_address
from botticelli.settings.definitions import FetchSettings
from botticelli.settings.network import trust_fault

if TYPE_CHECKING:
    from botticelli.security.fetch_transport import Judge

MAX_REDIRECTS = 3
MAX_URL_CHARACTERS = 2048
PORTS = (80, 443)
LEAST_PORT = 1024
"""The lowest other port: those below belong to services other than web servers."""

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and a port, as text."""
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class FetchedContent:
    """The content of a URL. `mime` is the Content-Type of the response, empty if there is none."""

    data: bytes
    mime: str


def fault_of_url(url: str, settings: FetchSettings) -> str | None:
    """Return why this URL is refused, judging by its spelling alone; None when nothing is wrong with it."""
    try:
        parts, host = _split_url(url)
    except ValueError:
        return "is not a valid URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.allow_http):
        return "is not an https URL"
    if "@" in parts.netloc:
        return "contains a user name, which it must not"
    if not host:
        return "names no host"
    if host in settings.allow_hosts:
        return None
    if parts.port is not None and parts.port < LEAST_PORT and parts.port not in PORTS:
        return f"port {parts.port} is not allowed"
    return host_fault(host)


def fetch(url: str, settings: FetchSettings, *, resolve: Resolver | None = None, trust: Any = None) -> FetchedContent:
    """Return the content of `url`, after at most three redirects, or raise FetchError. `trust` is an SSL context for tests."""
    deadline = time.monotonic() + settings.timeout_seconds
    for _ in range(MAX_REDIRECTS + 1):
        fault = fault_of_url(url, settings)
        if fault is not None:
            raise FetchError(fault, where=_shown(url), do="see [fetch] of the settings")
        response = _get(url, settings, deadline, resolve or _resolve, trust)
        if isinstance(response, FetchedContent):
            return response
        url = urljoin(url, response)
    raise FetchError(f"redirects more than {MAX_REDIRECTS} times", where=_shown(url), do="use the final URL")


def _get(url: str, settings: FetchSettings, deadline: float, resolve: Resolver, trust: Any) -> FetchedContent | str:
    """Return the content, or the target of a redirect."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    limits = RequestLimits(
        settings.timeout_seconds, deadline, lambda host, port: _public_address(host, port, settings, resolve)
    )
    with checked_request("GET", url, limits, headers=headers, trust=trust) as response:
        return _content(response, settings, deadline, _shown(url))


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How long a request may take, when that is over by the monotonic clock, and which addresses it may go to."""

    timeout_seconds: float
    deadline: float
    judge: Judge


@contextmanager
def checked_request(
    method: str,
    url: str,
    limits: RequestLimits,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    trust: Any = None,
) -> Iterator[Any]:
    """Send one request to an address that was checked, and yield the response of httpcore. Follows no redirect.

    Raises FetchError for everything that can go wrong, also inside the block.
    """
    import httpcore2

    from botticelli.security.fetch_transport import CheckedNetwork

    where = _shown(url)
    needs_trust = trust is None and url.startswith("https")
    fault = trust_fault(os.environ) if needs_trust else None
    if fault is not None:
        raise FetchError(f"can't be reached: {fault.where}: {fault.what}", where=where, do=fault.do)
    backend = CheckedNetwork(limits.judge, limits.deadline)
    context = ssl.create_default_context() if needs_trust else trust
    location, fields = _location(url, headers)
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
            pool.stream(method, location, headers=fields, content=content) as response,
        ):
            yield response
    except (httpcore2.TimeoutException, TimeoutError):
        raise FetchError(f"took longer than {limits.timeout_seconds:g} s", where=where) from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
        raise FetchError(f"can't be reached: {type(error).__name__}", where=where) from None


def _location(url: str, headers: Mapping[str, str]) -> tuple[Any, dict[str | bytes, str | bytes]]:
    """Return the URL as httpcore takes it, and the headers with those of every request."""
    import httpcore2

    parts, host = _split_url(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}".encode("ascii", "strict")
    fields: dict[str | bytes, str | bytes] = {"Host": parts.netloc, "User-Agent": "botticelli"}
    fields.update(headers)
    return httpcore2.URL(scheme=parts.scheme, host=host, port=parts.port, target=target), fields


def _content(response: Any, settings: FetchSettings, deadline: float, where: str) -> FetchedContent | str:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    if response.status in _REDIRECTS and "location" in headers:
        return str(headers["location"])
    if response.status != 200:
        raise FetchError(f"returned status {response.status}", where=where, do="check the URL")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("is compressed, although no compression was requested", where=where)
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > settings.max_mb * 1_000_000:
            raise FetchError(f"is larger than {settings.max_mb:g} MB", where=where)
        if time.monotonic() > deadline:
            raise TimeoutError
    return FetchedContent(bytes(data), headers.get("content-type", ""))


def _public_address(host: str, port: int, settings: FetchSettings, resolve: Resolver) -> str:
    """Return the first address of the host, or raise FetchError unless all its addresses are public."""
    try:
        return checked_address(host, port, allow_private=host in settings.allow_hosts, resolve=resolve)
    except PrivateAddress as error:
        raise FetchError(error.what, where=host, do="list the host in [fetch] allow_hosts if it is yours") from None


class PrivateAddress(FetchError):
    """A host that has an address which is not public."""


def checked_address(host: str, port: int, *, allow_private: bool, resolve: Resolver | None = None) -> str:
    """Return the first address of a host. Raises PrivateAddress unless all of them are public or private ones allowed."""
    addresses = list((resolve or _resolve)(host, port))
    if not addresses:
        raise FetchError("does not resolve to an address", where=host, do="check the URL")
    if not allow_private:
        for text in addresses:
            address = parsed_address(text)
            if address is None or not is_public(address):
                do = "set allow_private = true if it is in your own network"
                raise PrivateAddress("resolves to a private address", where=host, do=do)
    return addresses[0]


def _resolve(host: str, port: int) -> list[str]:
    try:
        results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError("does not resolve to an address", where=host, do="check the URL") from None
    return [str(address[0]) for *_, address in results]


def _split_url(url: str) -> tuple[SplitResult, str]:
    """Split a URL, and return its lower-case host, too.

    Raises ValueError for spaces, control characters, excessive length and an invalid port.
    """
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError(url)
    parts = urlsplit(url)
    _ = parts.port
    return parts, (parts.hostname or "").lower()


def _shown(url: str) -> str:
    """Return a URL for messages, without what may be secret: the login and the query."""
    scheme, separator, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    if "@" in rest:
        rest = rest.rpartition("@")[2]
    elif "@" in url and "/" not in rest:  # a password cut short by its own `?` or `#`
        rest = "..."
    plain = f"{scheme}{separator}{rest}"
    plain = "".join(character if character.isprintable() else "?" for character in plain)
    return plain if len(plain) <= 120 else f"{plain[:117]}..."
